"""Files in Lightricks' own layout, made of those in diffusers' by the inverse of the names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

Tensors = dict[str, torch.Tensor]

# From diffusers' names to Lightricks', each for the start of a key or a part of it.
TRANSFORMER_STARTS = {
    "proj_in.": "patchify_proj.",
    "audio_proj_in.": "audio_patchify_proj.",
    "time_embed.": "adaln_single.",
    "audio_time_embed.": "audio_adaln_single.",
    "prompt_adaln.": "prompt_adaln_single.",
    "audio_prompt_adaln.": "audio_prompt_adaln_single.",
    "av_cross_attn_video_scale_shift.": "av_ca_video_scale_shift_adaln_single.",
    "av_cross_attn_audio_scale_shift.": "av_ca_audio_scale_shift_adaln_single.",
    "av_cross_attn_video_a2v_gate.": "av_ca_a2v_gate_adaln_single.",
    "av_cross_attn_audio_v2a_gate.": "av_ca_v2a_gate_adaln_single.",
}
TRANSFORMER_PARTS = {
    "video_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_video",
    "audio_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_audio",
    ".norm_q.": ".q_norm.",
    ".norm_k.": ".k_norm.",
}


def original_transformer(key: str) -> str:
    for ours, theirs in TRANSFORMER_STARTS.items():
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    for ours, theirs in TRANSFORMER_PARTS.items():
        key = key.replace(ours, theirs)
    return key


def original_vae(key: str) -> str:
    """Levels and what changes the size between them are numbered in one row."""
    if key.startswith("latents_"):
        return f"per_channel_statistics.{key[8:]}-of-means"
    key = key.replace(".resnets.", ".res_blocks.")
    key = re.sub(
        r"encoder\.down_blocks\.(\d)(\.downsamplers\.0)?",
        lambda m: f"encoder.down_blocks.{2 * int(m[1]) + bool(m[2])}",
        key,
    )
    key = re.sub(
        r"decoder\.up_blocks\.(\d)(\.upsamplers\.0)?",
        lambda m: f"decoder.up_blocks.{2 * int(m[1]) + 2 - bool(m[2])}",
        key,
    )
    key = key.replace("encoder.mid_block", "encoder.down_blocks.8")
    return key.replace("decoder.mid_block", "decoder.up_blocks.0")


def original_audio_vae(key: str) -> str:
    is_statistic = key.startswith("latents_")
    return f"per_channel_statistics.{key[8:]}-of-means" if is_statistic else key


RENAMES: dict[str, tuple[str, Callable[[str], str]]] = {
    "transformer": ("model.diffusion_model.", original_transformer),
    "vae": ("vae.", original_vae),
    "audio_vae": ("audio_vae.", original_audio_vae),
}


def original_config(networks: dict[str, Any]) -> dict[str, Any]:
    """The configuration as such files carry it, from those of the networks."""
    config: dict[str, Any] = {}
    if transformer := networks.get("transformer"):
        ours = transformer.config
        same = (
            "num_attention_heads attention_head_dim in_channels out_channels num_layers norm_eps "
            "audio_num_attention_heads audio_attention_head_dim audio_in_channels rope_type "
            "audio_out_channels audio_cross_attention_dim cross_attention_dim caption_channels "
            "ff_bias audio_ff_bias use_keyframes_abs_pos_embedding timestep_scale_multiplier"
        )
        config["transformer"] = {name: ours[name] for name in same.split()} | {
            "apply_gated_attention": ours.gated_attn,
            "cross_attention_adaln": ours.cross_attn_mod,
            "caption_proj_before_connector": not ours.use_prompt_embeddings,
            "frequencies_precision": "float64" if ours.rope_double_precision else "float32",
            "positional_embedding_theta": ours.rope_theta,
            "positional_embedding_max_pos": [20, 2048, 2048],
            "audio_positional_embedding_max_pos": [20],
            "av_ca_timestep_scale_multiplier": ours.cross_attn_timestep_scale_multiplier,
            "qk_norm": "rms_norm",
        }
    if "vae" in networks:
        config["vae"] = {"_class_name": "CausalVideoAutoencoder", "latent_channels": 8}
    if audio_vae := networks.get("audio_vae"):
        ours = audio_vae.config
        ddconfig = {
            "ch": ours.base_channels,
            "out_ch": ours.output_channels,
            "z_channels": ours.latent_channels,
            "ch_mult": list(ours.ch_mult),
            "mel_bins": ours.mel_bins,
            "mid_block_add_attention": False,
        }
        params = {"ddconfig": ddconfig, "sampling_rate": ours.sample_rate}
        config["audio_vae"] = {"model": {"params": params}}
    return config


def networks_of(folder: Path, *names: str) -> dict[str, Any]:
    import diffusers

    classes = {
        "transformer": diffusers.LTX2VideoTransformer3DModel,
        "vae": diffusers.AutoencoderKLLTX2Video,
        "audio_vae": diffusers.AutoencoderKLLTX2Audio,
    }
    return {
        name: classes[name].from_pretrained(folder / name, low_cpu_mem_usage=False)
        for name in names
    }


def original_weights(networks: dict[str, Any]) -> Tensors:
    weights: Tensors = {}
    for name, network in networks.items():
        prefix, rename = RENAMES[name]
        weights |= {prefix + rename(k): v.clone() for k, v in network.state_dict().items()}
    return weights


def write(path: Path, weights: Tensors, **metadata: str) -> Path:
    save_file(weights, path, {"format": "pt", **metadata})
    return path


# Parts of a name, as they are called in diffusers and in Lightricks' files.
VOCODER_PARTS = {
    "upsamplers": "ups",
    "resnets": "resblocks",
    "conv_in": "conv_pre",
    "conv_out": "conv_post",
    "act_out": "act_post",
}
CONNECTOR_PARTS = {
    "video_connector": "video_embeddings_connector",
    "audio_connector": "audio_embeddings_connector",
    "transformer_blocks": "transformer_1d_blocks",
    "norm_q": "q_norm",
    "norm_k": "k_norm",
}
PROJECTIONS = {
    "text_proj_in": "aggregate_embed",
    "video_text_proj_in": "video_aggregate_embed",
    "audio_text_proj_in": "audio_aggregate_embed",
}


def stored(folder: Path) -> Tensors:
    """The weights of one network in diffusers' layout."""
    found: Tensors = {}
    for file in folder.glob("*.safetensors"):
        found |= load_file(file)
    return found


def config_in(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config


def by_parts(name: str, parts: Mapping[str, str]) -> str:
    return ".".join(parts.get(part, part) for part in name.split("."))


def original_vocoder(folder: Path) -> Tensors:
    weights: Tensors = {}
    for name, tensor in stored(folder).items():
        name = re.sub(r"\bdownsample\.filter$", "downsample.lowpass.filter", name)
        weights[f"vocoder.{by_parts(name, VOCODER_PARTS)}"] = tensor
    return weights


def original_connectors(folder: Path, prefix: str) -> tuple[Tensors, Tensors]:
    """The connectors under the transformer's prefix, and the text projection beside it."""
    connectors: Tensors = {}
    projection: Tensors = {}
    for name, tensor in stored(folder).items():
        first, _, rest = name.partition(".")
        if first in PROJECTIONS:
            projection[f"text_embedding_projection.{PROJECTIONS[first]}.{rest}"] = tensor
        else:
            connectors[prefix + by_parts(name, CONNECTOR_PARTS)] = tensor
    return connectors, projection


def original_duration_head(folder: Path) -> Tensors:
    """The pooler's attention as torch's own module has it."""
    weights = stored(folder)
    whole: Tensors = {}
    for kind in ("weight", "bias"):
        three = [weights.pop(f"attention_pooler.to_{each}.{kind}") for each in "qkv"]
        whole[f"attention_pooler.cross_attn.in_proj_{kind}"] = torch.cat(three)
        out = weights.pop(f"attention_pooler.to_out.{kind}")
        whole[f"attention_pooler.cross_attn.out_proj.{kind}"] = out
    return {f"duration_head.{name}": tensor for name, tensor in (weights | whole).items()}


def original_diffusion_vae(folder: Path, encoder: Tensors) -> Tensors:
    """The file of a diffusion decoder, with the encoder that it is published with."""
    weights = stored(folder)
    whole = {name: t for name, t in encoder.items() if not name.startswith("decoder.")}
    for name in ("latents_mean", "latents_std"):
        whole[f"per_channel_statistics.{name[8:]}-of-means"] = weights.pop(name)
    for name in [name for name in weights if ".to_q." in name]:
        three = [weights.pop(name.replace(".to_q.", f".to_{each}.")) for each in "qkv"]
        whole[name.replace(".to_q.", ".qkv.")] = torch.cat(three)
    for name, tensor in weights.items():
        name = name.replace("t_embedder.timestep_embedder.linear_1.", "t_embedder.mlp.0.")
        name = name.replace("t_embedder.timestep_embedder.linear_2.", "t_embedder.mlp.2.")
        name = name.replace(".attn.to_out.0.", ".attn.proj.")
        whole[name.replace(".norm_q.", ".q_norm.").replace(".norm_k.", ".k_norm.")] = tensor
    return whole


def original_gemma(folder: Path, *, flat: bool) -> tuple[Tensors, dict[str, str]]:
    """Weights, tokenizer and configuration in one, as the file of a text encoder; its metadata.

    ``flat``: with ComfyUI's names, whose language model is at the top.
    """
    weights = stored(folder / "text_encoder")
    if flat:
        for old, new in (
            ("model.language_model.", "model."),
            ("language_model.model.", "model."),
            ("model.vision_embedder.", "vision_model."),
            ("model.embed_vision.", "multi_modal_projector."),
            ("model.embed_audio.", "audio_projector."),
            ("vision_tower.vision_model.", "vision_model."),
        ):
            weights = {
                new + name.removeprefix(old) if name.startswith(old) else name: tensor
                for name, tensor in weights.items()
            }
    assets = {"tokenizer_json": "tokenizer.json"}
    assets |= {
        f"hf_asset__{file.name}": file.name
        for file in (folder / "tokenizer").glob("*.json")
        if file.name != "tokenizer.json"
    }
    for key, name in assets.items():
        data = bytearray((folder / "tokenizer" / name).read_bytes())
        weights[key] = torch.frombuffer(data, dtype=torch.uint8)
    return weights, {"gemma_config": json.dumps(config_in(folder / "text_encoder"))}


def whole_config(folder: Path) -> dict[str, Any]:
    """The configuration of a file with everything but the text encoder."""
    config = original_config(networks_of(folder, "transformer", "vae", "audio_vae"))
    ours = config_in(folder / "connectors")
    config["transformer"] |= {
        "connector_num_attention_heads": ours["video_connector_num_attention_heads"],
        "connector_attention_head_dim": ours["video_connector_attention_head_dim"],
        "connector_num_layers": ours["video_connector_num_layers"],
        "connector_positional_embedding_max_pos": [ours["connector_rope_base_seq_len"]],
        "audio_connector_num_attention_heads": ours["audio_connector_num_attention_heads"],
    }
    config["vocoder"] = original_vocoder_config(config_in(folder / "vocoder"))
    return config


def original_vocoder_config(ours: Mapping[str, Any]) -> dict[str, Any]:
    def one(start: str) -> dict[str, Any]:
        return {
            "resblock_kernel_sizes": ours[f"{start}resnet_kernel_sizes"],
            "resblock_dilation_sizes": ours[f"{start}resnet_dilations"],
            "upsample_rates": ours[f"{start}upsample_factors"],
            "upsample_kernel_sizes": ours[f"{start}upsample_kernel_sizes"],
            "upsample_initial_channel": ours[f"{start}hidden_channels"],
            "use_bias_at_final": ours[f"{start}final_bias"],
            "stereo": True,
        }

    if "bwe_hidden_channels" not in ours:
        return {**one(""), "resblock": "1", "output_sampling_rate": ours["output_sampling_rate"]}
    extension = {
        **one("bwe_"),
        "input_sampling_rate": ours["input_sampling_rate"],
        "output_sampling_rate": ours["output_sampling_rate"],
        "hop_length": ours["hop_length"],
        "n_fft": ours["filter_length"],
        "num_mels": ours["num_mel_channels"],
    }
    return {"vocoder": one(""), "bwe": extension}


def whole_weights(folder: Path, prefix: str = "model.diffusion_model.") -> Tensors:
    """Everything but the text encoder, as one file has it."""
    weights = original_weights(networks_of(folder, "transformer", "vae", "audio_vae"))
    connectors, projection = original_connectors(folder / "connectors", prefix)
    own = "model.diffusion_model."
    return (
        {
            prefix + key.removeprefix(own) if key.startswith(own) else key: tensor
            for key, tensor in weights.items()
        }
        | connectors
        | projection
        | original_vocoder(folder / "vocoder")
    )


def write_whole(
    folder: Path, path: Path, version: str, prefix: str = "model.diffusion_model."
) -> Path:
    """One file with everything of a checkpoint but the text encoder."""
    config = json.dumps(whole_config(folder))
    return write(path, whole_weights(folder, prefix), model_version=version, config=config)


def write_parts(folder: Path, target: Path, version: str) -> Path:
    """A folder of files as LTX-2.5 is published: a file or two in each of some folders."""
    weights, config = whole_weights(folder), whole_config(folder)
    _, projection = original_connectors(folder / "connectors", "")
    gemma, metadata = original_gemma(folder, flat=True)
    groups: dict[str, tuple[Tensors, Any]] = {
        "diffusion_models/ltx-distilled-transformer": (
            {k: t for k, t in weights.items() if k.startswith("model.diffusion_model.")},
            {"transformer": config["transformer"]},
        ),
        "vae/ltx-video-vae-conv": (
            {k.removeprefix("vae."): t for k, t in weights.items() if k.startswith("vae.")},
            {"vae": config["vae"]},
        ),
        "vae/ltx-audio-vae": (
            {k: t for k, t in weights.items() if k.startswith(("audio_vae.", "vocoder."))},
            {name: config[name] for name in ("audio_vae", "vocoder")},
        ),
        "model_patches/ltx-duration-head": (original_duration_head(folder / "duration_head"), {}),
    }
    for name, (tensors, own) in groups.items():
        file = target / f"{name}.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, tensors, model_version=version, config=json.dumps(own))
    file = target / "text_encoders" / "gemma-with-proj.safetensors"
    file.parent.mkdir()
    write(file, gemma | projection, **metadata)
    file = target / "latent_upscale_models" / "spatial-upscaler-x2.safetensors"
    file.parent.mkdir()
    write(file, stored(folder / "spatial_upsampler"), config=json.dumps({"spatial_scale": 2.0}))
    return target
