"""Configurations of diffusers' smaller networks for files in Lightricks' own layout.

Sizes are those of the weights. What neither they nor the file's own configuration say is as
published for the generation (diffusers' ``scripts/convert_ltx2_to_diffusers.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

__all__ = [
    "connectors_config",
    "diffusion_decoder_config",
    "duration_head_config",
    "upsampler_config",
    "upsampler_scale",
    "vocoder_config",
]

Shapes = Mapping[str, tuple[int, ...]]

_VOCODER = {
    "upsample_kernel_sizes": "upsample_kernel_sizes",
    "upsample_rates": "upsample_factors",
    "resblock_kernel_sizes": "resnet_kernel_sizes",
    "resblock_dilation_sizes": "resnet_dilations",
    "use_bias_at_final": "final_bias",
}
_DECODER = {
    "head_dim": "decoder_head_dim",
    "na_head_dim": "decoder_head_dim",
    "stage_channels": "decoder_stage_channels",
    "stage_depths": "decoder_stage_depths",
    "stage_kernels": "decoder_stage_kernels",
    "stage5_kernel": "decoder_stage5_kernel",
    "t_emb_dim": "decoder_t_emb_dim",
    "timestep_scale_multiplier": "decoder_timestep_scale_multiplier",
    "default_num_inference_steps": "decoder_num_inference_steps",
    "patch_size": "patch_size",
    "out_channels": "out_channels",
}
_SCALES = {1: 1.0, 2: 2.0, 3: 1.5, 4: 4.0}
"""By what the rational resampler enlarges before it makes smaller; 0.75 also enlarges by 3."""


def connectors_config(
    original: Mapping[str, Any], shapes: Shapes, hidden_size: int
) -> dict[str, Any]:
    """For ``LTX2TextConnectors``, from ``config["transformer"]`` of a file's metadata.

    ``shapes``: by diffusers' names. ``hidden_size``: of the text encoder; every token comes with
    one vector of this size for each of its layers. Raises `ValueError` when the weights are of
    another text encoder.
    """
    apart = "video_text_proj_in.weight" in shapes
    projection = shapes["video_text_proj_in.weight" if apart else "text_proj_in.weight"]
    if projection[1] % hidden_size:
        raise ValueError(
            f"the text projection takes {projection[1]} values, which is no multiple of the "
            f"{hidden_size} of the text encoder"
        )
    config: dict[str, Any] = {
        "_class_name": "LTX2TextConnectors",
        "caption_channels": hidden_size,
        "text_proj_in_factor": projection[1] // hidden_size,
        "connector_rope_base_seq_len": 4096,
        "rope_double_precision": True,
        "rope_type": original.get("rope_type", "split"),
        "per_modality_projections": apart,
        "proj_bias": ("video_text_proj_in.bias" if apart else "text_proj_in.bias") in shapes,
    }
    if apart:
        config["video_hidden_dim"] = projection[0]
        config["audio_hidden_dim"] = shapes["audio_text_proj_in.weight"][0]
    if "connector_positional_embedding_max_pos" in original:
        (config["connector_rope_base_seq_len"],) = original[
            "connector_positional_embedding_max_pos"
        ]
    if "frequencies_precision" in original:
        config["rope_double_precision"] = original["frequencies_precision"] == "float64"
    heads = original.get("connector_num_attention_heads", 32 if apart else 30)
    for stream, own in (
        ("video", heads),
        ("audio", original.get("audio_connector_num_attention_heads", heads)),
    ):
        config |= _connector(stream, own, shapes)
    return config


def _connector(stream: str, heads: int, shapes: Shapes) -> dict[str, Any]:
    """The configuration of one stream's connector."""
    start = f"{stream}_connector"
    block = f"{start}.transformer_blocks.0.attn1"
    return {
        f"{start}_num_attention_heads": heads,
        f"{start}_attention_head_dim": shapes[f"{block}.to_q.weight"][0] // heads,
        f"{start}_num_layers": _count(f"{start}.transformer_blocks", "attn1.to_q.weight", shapes),
        f"{start}_num_learnable_registers": shapes.get(f"{start}.learnable_registers", (None,))[0],
        f"{stream}_gated_attn": f"{block}.to_gate_logits.weight" in shapes,
    }


def vocoder_config(original: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    """For ``LTX2Vocoder`` or ``LTX2VocoderWithBWE``, from ``config["vocoder"]`` of the metadata.

    ``shapes``: by diffusers' names.
    """
    if "bwe_generator.conv_in.weight" not in shapes:
        return {
            "_class_name": "LTX2Vocoder",
            **_one_vocoder(original, shapes, ""),
            **_same(original, "output_sampling_rate"),
        }
    extension = original.get("bwe", {})
    config = {
        "_class_name": "LTX2VocoderWithBWE",
        **_one_vocoder(original.get("vocoder", {}), shapes, "vocoder."),
        **_same(extension, "input_sampling_rate", "output_sampling_rate", "hop_length"),
        "num_mel_channels": shapes["mel_stft.mel_basis"][0],
        "filter_length": shapes["mel_stft.stft_fn.forward_basis"][2],
        "window_length": shapes["mel_stft.stft_fn.forward_basis"][2],
    }
    generator = _one_vocoder(extension, shapes, "bwe_generator.")
    return config | {f"bwe_{name}": value for name, value in generator.items()}


def _one_vocoder(original: Mapping[str, Any], shapes: Shapes, start: str) -> dict[str, Any]:
    hidden, channels, _ = shapes[f"{start}conv_in.weight"]
    given = {ours: original[theirs] for theirs, ours in _VOCODER.items() if theirs in original}
    return given | {
        "in_channels": channels,
        "hidden_channels": hidden,
        "out_channels": shapes[f"{start}conv_out.weight"][0],
        "final_bias": f"{start}conv_out.bias" in shapes,
    }


def duration_head_config(original: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    """For ``LTX2DurationHead``, from ``config["duration_head"]`` of a file's metadata."""
    return {
        "_class_name": "LTX2DurationHead",
        "video_cross_attention_dim": shapes["video_input_proj.weight"][1],
        "audio_cross_attention_dim": shapes["audio_input_proj.weight"][1],
        "pooler_hidden_dim": shapes["attention_pooler.to_out.weight"][1],
        "num_queries": shapes["attention_pooler.query_tokens"][0],
        "mlp_hidden_dim": shapes["mlp_hidden.weight"][0],
        "num_pooler_heads": original.get("num_pooler_heads", 4),
    }


def diffusion_decoder_config(original: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    """For ``LTX2VideoDiffusionDecoderModel``, from ``config["vae"]`` of a file's metadata."""
    decoder = original.get("decoder", original)
    config = {ours: decoder[theirs] for theirs, ours in _DECODER.items() if theirs in decoder}
    if "upsamples" in decoder:
        config["decoder_upsample_strides"] = [stride for stride, _ in decoder["upsamples"]]
        config["decoder_upsample_channel_reductions"] = [by for _, by in decoder["upsamples"]]
    if "model_output_type" in original:
        config["decoder_model_output_type"] = original["model_output_type"]
    return {
        "_class_name": "LTX2VideoDiffusionDecoderModel",
        **config,
        "latent_channels": shapes["latents_mean"][0],
    }


def upsampler_config(original: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    """For ``LTX2LatentUpsamplerModel``, from the whole of a file's configuration."""
    first = shapes["initial_conv.weight"]
    config: dict[str, Any] = {
        "_class_name": "LTX2LatentUpsamplerModel",
        "in_channels": first[1],
        "mid_channels": first[0],
        "num_blocks_per_stage": _count("res_blocks", "conv1.weight", shapes),
        "dims": len(first) - 2,
        "spatial_upsample": True,
        "temporal_upsample": False,
        "use_rational_resampler": "upsampler.conv.weight" in shapes,
    }
    if config["use_rational_resampler"]:
        enlarged = shapes["upsampler.conv.weight"][0] // first[0]
        by_weights = _SCALES[round(enlarged**0.5)]
        config["rational_spatial_scale"] = float(original.get("spatial_scale", by_weights))
        return config
    own = shapes["upsampler.0.weight"]
    config["temporal_upsample"] = len(own) == len(first) and first[0] * 4 != own[0]
    config["spatial_upsample"] = own[0] != 2 * first[0]
    return config


def upsampler_scale(config: Mapping[str, Any]) -> Fraction:
    """By how much an upsampler of diffusers' ``config`` enlarges the height and the width."""
    if not config.get("use_rational_resampler", True):
        return Fraction(2)
    return Fraction(config.get("rational_spatial_scale", 2.0))


def _same(original: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: original[name] for name in names if name in original}


def _count(start: str, weight: str, shapes: Shapes) -> int:
    found = 0
    while f"{start}.{found}.{weight}" in shapes:
        found += 1
    return found
