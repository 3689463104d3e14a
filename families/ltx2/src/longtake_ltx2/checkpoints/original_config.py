"""Configurations of diffusers' networks for files in Lightricks' own layout.

Such files carry their configuration as ltx-core reads it; what it leaves out is as published for
the generation (diffusers' ``scripts/convert_ltx2_to_diffusers.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longtake_ltx2.generation import Generation

__all__ = ["audio_vae_config", "transformer_config", "unknown_of_transformer", "vae_config"]

Shapes = Mapping[str, tuple[int, ...]]

_SAME_NAME = (
    "num_attention_heads",
    "attention_head_dim",
    "in_channels",
    "out_channels",
    "num_layers",
    "norm_eps",
    "cross_attention_dim",
    "caption_channels",
    "timestep_scale_multiplier",
    "rope_type",
    "ff_bias",
    "audio_num_attention_heads",
    "audio_attention_head_dim",
    "audio_in_channels",
    "audio_out_channels",
    "audio_cross_attention_dim",
    "audio_ff_bias",
    "use_prompt_adaln_single",
    "use_keyframes_abs_pos_embedding",
)
_OTHER_NAME = {
    "positional_embedding_theta": ("rope_theta",),
    "av_ca_timestep_scale_multiplier": ("cross_attn_timestep_scale_multiplier",),
    "apply_gated_attention": ("gated_attn", "audio_gated_attn"),
    "cross_attention_adaln": ("cross_attn_mod", "audio_cross_attn_mod"),
}
_BY_RULE = (
    "caption_proj_before_connector",
    "frequencies_precision",
    "positional_embedding_max_pos",
    "audio_positional_embedding_max_pos",
)
_FIXED = {
    "activation_fn": "gelu-approximate",
    "attention_bias": True,
    "attention_type": "default",
    "double_self_attention": False,
    "dropout": 0,
    "norm_elementwise_affine": False,
    "num_vector_embeds": None,
    "only_cross_attention": False,
    "qk_norm": "rms_norm",
    "share_ff": False,
    "standardization_norm": "rms_norm",
    "positional_embedding_type": "rope",
    "use_audio_video_cross_attention": True,
    "use_middle_indices_grid": True,
}
"""What diffusers' transformer always is, and published files say."""
_OF_NO_USE = {
    "_class_name",
    "_diffusers_version",
    "_name_or_path",
    "av_cross_ada_norm",
    "caption_proj_input_norm",
    "caption_projection_first_linear",
    "caption_projection_second_linear",
    "causal_temporal_positioning",
    "cross_attention_norm",
    "norm_num_groups",
    "num_embeds_ada_norm",
    "text_encoder_norm_type",
    "upcast_attention",
    "use_embeddings_connector",
    "use_linear_projection",
}
"""What published files say that ltx-core's transformer does not read, or that is not its own."""
_OF_CONNECTORS = ("connector_", "audio_connector_")
_NEWER = ("gated_attn", "cross_attn_mod", "audio_gated_attn", "audio_cross_attn_mod")
_ENCODER = {
    "down_block_types": ("LTX2VideoDownBlock3D",) * 4,
    "spatio_temporal_scaling": (True,) * 4,
    "downsample_type": ("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
    "encoder_causal": True,
    "encoder_spatial_padding_mode": "zeros",
    "spatial_compression_ratio": 32,
    "temporal_compression_ratio": 8,
}
_DECODER_OF_2_0 = {
    "upsample_type": ("spatiotemporal",) * 3,
    "upsample_residual": (True,) * 3,
    "upsample_factor": (2, 2, 2),
    "decoder_spatial_padding_mode": "reflect",
}
_DECODER = {
    "upsample_type": ("spatiotemporal", "spatiotemporal", "temporal", "spatial"),
    "upsample_residual": (False,) * 4,
    "upsample_factor": (2, 2, 1, 2),
    "decoder_spatial_padding_mode": "zeros",
}


def unknown_of_transformer(original: Mapping[str, Any]) -> list[str]:
    """What ``config["transformer"]`` of a file says that `transformer_config` cannot follow."""
    known = {*_SAME_NAME, *_OTHER_NAME, *_BY_RULE, *_FIXED, *_OF_NO_USE}
    unknown = [n for n in original if n not in known and not n.startswith(_OF_CONNECTORS)]
    other = [f"{n}={original[n]!r}" for n, v in _FIXED.items() if original.get(n, v) != v]
    return unknown + other


def transformer_config(generation: Generation, original: Mapping[str, Any]) -> dict[str, Any]:
    """For ``LTX2VideoTransformer3DModel``, from ``config["transformer"]`` of a file's metadata."""
    newer = generation != "2.0"
    config: dict[str, Any] = {
        "rope_type": "split",
        "use_prompt_embeddings": not newer,
        "perturbed_attn": newer,
        "ff_bias": generation != "2.5",
        "use_keyframes_abs_pos_embedding": generation == "2.5",
        **dict.fromkeys(_NEWER, newer),
    }
    config |= {name: original[name] for name in _SAME_NAME if name in original}
    for theirs, ours in _OTHER_NAME.items():
        if theirs in original:
            config |= dict.fromkeys(ours, original[theirs])
    if "caption_proj_before_connector" in original:
        config["use_prompt_embeddings"] = not original["caption_proj_before_connector"]
    if "frequencies_precision" in original:
        config["rope_double_precision"] = original["frequencies_precision"] == "float64"
    if "positional_embedding_max_pos" in original:
        names = ("pos_embed_max_pos", "base_height", "base_width")
        config |= zip(names, original["positional_embedding_max_pos"], strict=True)
    if "audio_positional_embedding_max_pos" in original:
        (config["audio_pos_embed_max_pos"],) = original["audio_positional_embedding_max_pos"]
    return config


def vae_config(generation: Generation, shapes: Shapes) -> dict[str, Any]:
    """For ``AutoencoderKLLTX2Video``: the generation's layout, in the widths of the weights.

    ``shapes``: of the weights, by diffusers' names. Raises `KeyError` when some are missing.
    """
    decoder = _DECODER_OF_2_0 if generation == "2.0" else _DECODER
    factors = decoder["upsample_factor"]
    assert isinstance(factors, tuple)
    levels = len(factors)
    down = [f"encoder.down_blocks.{index}" for index in range(4)]
    up = [f"decoder.up_blocks.{index}" for index in range(levels)]
    # A level's residual blocks come before its downsampler, so they have the width before it.
    widths = [_width(shapes, block) for block in (*down[1:], "encoder.mid_block")]
    decoder_widths = [
        _width(shapes, block) * factor for block, factor in zip(up, reversed(factors), strict=True)
    ]
    decoder_layers = [_layers(shapes, block) for block in ("decoder.mid_block", *up)]
    return {
        **_ENCODER,
        **decoder,
        "latent_channels": shapes["latents_mean"][0],
        "block_out_channels": tuple(widths),
        "layers_per_block": tuple(_layers(shapes, b) for b in (*down, "encoder.mid_block")),
        "decoder_block_out_channels": tuple(reversed(decoder_widths)),
        "decoder_layers_per_block": tuple(reversed(decoder_layers)),
        "decoder_spatio_temporal_scaling": (True,) * levels,
        "decoder_inject_noise": (False,) * (levels + 1),
        "decoder_causal": False,
        "timestep_conditioning": "decoder.scale_shift_table" in shapes,
    }


def audio_vae_config(original: Mapping[str, Any]) -> dict[str, Any]:
    """For ``AutoencoderKLLTX2Audio``, from ``config["audio_vae"]`` of a file's metadata."""
    params = original.get("model", {}).get("params", {})
    given = params.get("ddconfig", {})
    names = {"ch": "base_channels", "out_ch": "output_channels", "z_channels": "latent_channels"}
    same = ("ch_mult", "num_res_blocks", "in_channels", "resolution", "norm_type", "mel_bins")
    config = {ours: given[theirs] for theirs, ours in names.items() if theirs in given}
    config |= {name: given[name] for name in same if name in given}
    stft = original.get("preprocessing", {}).get("stft", {})
    if "sampling_rate" in params:
        config["sample_rate"] = params["sampling_rate"]
    if "hop_length" in stft:
        config["mel_hop_length"] = stft["hop_length"]
    return config


def _width(shapes: Shapes, block: str) -> int:
    return shapes[f"{block}.resnets.0.conv1.conv.weight"][0]


def _layers(shapes: Shapes, block: str) -> int:
    layers = 0
    while f"{block}.resnets.{layers}.conv1.conv.weight" in shapes:
        layers += 1
    return layers
