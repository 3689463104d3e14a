"""diffusers' names for the tensors of files in Lightricks' own layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["FUSED", "diffusers_names"]

T = TypeVar("T")

_LATER = {
    "transformer": {"prompt_adaln_single.": "prompt_adaln."},
    "vae": {
        "decoder.up_blocks.7.": "decoder.up_blocks.3.upsamplers.0.",
        "decoder.up_blocks.8.": "decoder.up_blocks.3.",
        "decoder.last_time_embedder.": "decoder.time_embedder.",
        "decoder.last_scale_shift_table": "decoder.scale_shift_table",
    },
}
"""Names that diffusers' converters for single files, which are for 2.0, leave."""

_VOCODER = {
    "ups": "upsamplers",
    "resblocks": "resnets",
    "conv_pre": "conv_in",
    "conv_post": "conv_out",
    "act_post": "act_out",
}
_CONNECTORS = {
    "video_embeddings_connector": "video_connector",
    "audio_embeddings_connector": "audio_connector",
    "transformer_1d_blocks": "transformer_blocks",
    "q_norm": "norm_q",
    "k_norm": "norm_k",
}
_PROJECTIONS = {
    "text_embedding_projection.aggregate_embed.": "text_proj_in.",
    "text_embedding_projection.video_aggregate_embed.": "video_text_proj_in.",
    "text_embedding_projection.audio_aggregate_embed.": "audio_text_proj_in.",
}
_POOLER = "attention_pooler.cross_attn."
_DIFFUSION_DECODER = {
    "t_embedder.mlp.0.": "t_embedder.timestep_embedder.linear_1.",
    "t_embedder.mlp.2.": "t_embedder.timestep_embedder.linear_2.",
    ".attn.proj.": ".attn.to_out.0.",
    ".attn.q_norm.": ".attn.norm_q.",
    ".attn.k_norm.": ".attn.norm_k.",
}
_STATISTICS = {
    "per_channel_statistics.mean-of-means": "latents_mean",
    "per_channel_statistics.std-of-means": "latents_std",
}
_PREVIEWS = "coarse_"
"""Heads of the diffusion decoder for previews, which its own result does not need."""

FUSED = "to_qkv."
"""In a name: what are three tensors in diffusers, for queries, keys and values, one after another
along the first dimension."""


def diffusers_names(component: str, tensors: Mapping[str, T]) -> dict[str, T]:
    """The same values by diffusers' names; those that its network has no place for are left out.

    ``tensors``: by the names that `SingleFile.names_of` gives.
    """
    return _RENAMES[component](tensors)


def _by_diffusers(component: str, function: str) -> Callable[[Mapping[str, T]], dict[str, T]]:
    def rename(tensors: Mapping[str, T]) -> dict[str, T]:
        from diffusers.loaders import single_file_utils

        renamed = {}
        for key, tensor in vars(single_file_utils)[function](dict(tensors)).items():
            for old, new in _LATER.get(component, {}).items():
                key = key.replace(old, new)
            renamed[key] = tensor
        return renamed

    return rename


def _vocoder(tensors: Mapping[str, T]) -> dict[str, T]:
    return {
        _by_parts(name, _VOCODER).replace(".downsample.lowpass.", ".downsample."): tensor
        for name, tensor in tensors.items()
    }


def _connectors(tensors: Mapping[str, T]) -> dict[str, T]:
    renamed = {}
    for name, tensor in tensors.items():
        for theirs, ours in _PROJECTIONS.items():
            name = name.replace(theirs, ours)
        renamed[_by_parts(name, _CONNECTORS)] = tensor
    return renamed


def _duration_head(tensors: Mapping[str, T]) -> dict[str, T]:
    """The pooler's attention is stored as torch's own, its three projections in one."""
    renamed = {}
    for name, tensor in tensors.items():
        name = name.replace(f"{_POOLER}in_proj_", f"attention_pooler.{FUSED}")
        renamed[name.replace(f"{_POOLER}out_proj.", "attention_pooler.to_out.")] = tensor
    return renamed


def _diffusion_decoder(tensors: Mapping[str, T]) -> dict[str, T]:
    """Without the encoder, which the other video VAE has too."""
    renamed = {}
    for name, tensor in tensors.items():
        if name.startswith("decoder.") and _PREVIEWS not in name:
            for theirs, ours in _DIFFUSION_DECODER.items():
                name = name.replace(theirs, ours)
            renamed[name.replace(".qkv.", f".{FUSED}")] = tensor
        elif name in (
            "per_channel_statistics.mean-of-means",
            "per_channel_statistics.std-of-means",
        ):
            renamed[f"latents_{name.split('.')[1].split('-')[0]}"] = tensor
    return renamed


def _same(tensors: Mapping[str, T]) -> dict[str, T]:
    return dict(tensors)


def _by_parts(name: str, renames: Mapping[str, str]) -> str:
    return ".".join(renames.get(part, part) for part in name.split("."))


_RENAMES: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "transformer": _by_diffusers("transformer", "convert_ltx2_transformer_to_diffusers"),
    "vae": _by_diffusers("vae", "convert_ltx2_vae_to_diffusers"),
    "audio_vae": _by_diffusers("audio_vae", "convert_ltx2_audio_vae_to_diffusers"),
    "vocoder": _vocoder,
    "connectors": _connectors,
    "duration_head": _duration_head,
    "diffusion_decoder": _diffusion_decoder,
    "upsampler": _same,
}
