"""What trainers call the weights of a LoRA for LTX-2: every layout is one line of a table.

A key is a prefix, a layer and an ending: ``diffusion_model.`` ``patchify_proj``
``.lora_A.weight``. A layer begins with a root, one of the network's own top-level modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

__all__ = ["ENDINGS", "LAYOUTS", "UNREAD", "Layer", "Layout", "Part", "Role", "ending_of"]

Part = Literal["transformer", "connectors"]
Role = Literal["down", "up", "up_bias", "bias", "alpha", "magnitude", "magnitude_column"]
Roots = Mapping[str, tuple[Part, str]]

_SAME: tuple[tuple[Part, tuple[str, ...]], ...] = (
    ("transformer", ("transformer_blocks", "proj_in", "proj_out")),
    ("transformer", ("audio_proj_in", "audio_proj_out", "time_embed", "audio_time_embed")),
    ("transformer", ("av_cross_attn_video_scale_shift", "av_cross_attn_audio_scale_shift")),
    ("transformer", ("av_cross_attn_video_a2v_gate", "av_cross_attn_audio_v2a_gate")),
    ("transformer", ("caption_projection", "audio_caption_projection")),
    ("transformer", ("prompt_adaln", "audio_prompt_adaln")),
    ("connectors", ("video_connector", "audio_connector")),
    ("connectors", ("text_proj_in", "video_text_proj_in", "audio_text_proj_in")),
)
"""Diffusers' names of the modules with linear layers."""

_LIGHTRICKS: Mapping[Part, Mapping[str, str]] = {
    "transformer": {
        "patchify_proj": "proj_in",
        "audio_patchify_proj": "audio_proj_in",
        "adaln_single": "time_embed",
        "audio_adaln_single": "audio_time_embed",
        "av_ca_video_scale_shift_adaln_single": "av_cross_attn_video_scale_shift",
        "av_ca_audio_scale_shift_adaln_single": "av_cross_attn_audio_scale_shift",
        "av_ca_a2v_gate_adaln_single": "av_cross_attn_video_a2v_gate",
        "av_ca_v2a_gate_adaln_single": "av_cross_attn_audio_v2a_gate",
        "prompt_adaln_single": "prompt_adaln",
        "audio_prompt_adaln_single": "audio_prompt_adaln",
    },
    "connectors": {
        "video_embeddings_connector": "video_connector",
        "audio_embeddings_connector": "audio_connector",
        "text_embedding_projection.aggregate_embed": "text_proj_in",
        "text_embedding_projection.video_aggregate_embed": "video_text_proj_in",
        "text_embedding_projection.audio_aggregate_embed": "audio_text_proj_in",
    },
}
"""Lightricks' names, by which other trainers go too, and what diffusers calls them."""

_ANY: Roots = {root: (part, root) for part, roots in _SAME for root in roots} | {
    theirs: (part, ours) for part, names in _LIGHTRICKS.items() for theirs, ours in names.items()
}
_TRANSFORMER: Roots = {name: to for name, to in _ANY.items() if to[0] == "transformer"}
_CONNECTORS: Roots = {name: to for name, to in _ANY.items() if to[0] == "connectors"}
_PROJECTIONS: Roots = {
    name: to for name, to in _CONNECTORS.items() if name.startswith("text_embedding_projection.")
}
_INNER = ("transformer_1d_blocks", "transformer_blocks")
"""The blocks inside of a connector: Lightricks' name and diffusers'."""


@frozen
class Layer:
    """A layer of a network: which network, the name in the file, and diffusers' name for it."""

    part: Part
    written: str
    name: str


@frozen
class Layout:
    """Who writes it, the roots after each prefix, and what stands between names of modules."""

    writers: str
    roots: Mapping[str, Roots]
    separator: str = "."

    def layer(self, written: str) -> Layer | None:
        """The layer that a key without its ending means; None when it is of another layout."""
        for prefix, roots in self.roots.items():
            if not written.startswith(prefix):
                continue
            rest = written.removeprefix(prefix)
            for root in sorted(roots, key=len, reverse=True):
                part, ours = roots[root]
                theirs = root.replace(".", self.separator)
                if rest == theirs or rest.startswith(theirs + self.separator):
                    inner = rest.removeprefix(theirs)
                    if part == "connectors":
                        inner = inner.replace(*_INNER, 1)
                    return Layer(part, rest, ours + inner)
        return None


LAYOUTS = (
    Layout("diffusers", {"transformer.": _TRANSFORMER, "connectors.": _CONNECTORS}),
    Layout("Lightricks, AI Toolkit, ComfyUI", {"diffusion_model.": _ANY, "": _PROJECTIONS}),
    Layout("ComfyUI's checkpoints", {"model.diffusion_model.": _ANY, "": _PROJECTIONS}),
    Layout("PEFT", {"base_model.model.": _ANY}),
    Layout("DiffSynth-Studio", {"": _ANY}),
    Layout("kohya-ss, musubi-tuner", {"lora_unet_": _ANY}, separator="_"),
    Layout("LyCORIS", {"lycoris_": _ANY}, separator="_"),
)
"""A file is of the first one that takes all its layers."""

ENDINGS: Mapping[str, Role] = {
    ".lora_A.weight": "down",  # PEFT, diffusers, Lightricks
    ".lora_B.weight": "up",
    ".lora_B.bias": "up_bias",
    ".lora_A.default.weight": "down",  # PEFT's names inside of a network: DiffSynth-Studio
    ".lora_B.default.weight": "up",
    ".lora_B.default.bias": "up_bias",
    ".lora_down.weight": "down",  # kohya-ss
    ".lora_up.weight": "up",
    ".lora_up.bias": "up_bias",
    ".alpha": "alpha",
    ".diff_b": "bias",  # ComfyUI
    ".lora_magnitude_vector": "magnitude",  # PEFT's DoRA
    ".lora_magnitude_vector.weight": "magnitude",
    ".lora_magnitude_vector.default.weight": "magnitude",
    ".dora_scale": "magnitude_column",  # kohya-ss, LyCORIS
}

UNREAD: Mapping[str, str] = {
    ".hada_": "LoHa",
    ".lokr_": "LoKr",
    ".glora_": "GLoRA",
    ".oft_": "OFT",
    ".boft_": "BOFT",
    ".lora_mid.": "a LoRA with a third matrix, of convolutions",
    ".diff": "a difference of whole weights",
    ".set_weight": "whole weights",
    ".reshape_weight": "a LoRA that changes shapes",
}
"""Parts of keys that say what a file is instead of a LoRA of linear layers."""


def ending_of(key: str) -> tuple[str, Role] | None:
    """A key's text before its ending, and what the ending means; None for an unknown one."""
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if key.endswith(ending) and len(key) > len(ending):
            return key.removesuffix(ending), ENDINGS[ending]
    return None
