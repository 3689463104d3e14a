"""One network of a checkpoint, given where a whole checkpoint is wanted."""

from __future__ import annotations

import json
from pathlib import Path

from attrs import frozen

import longtake as lt

__all__ = ["Part", "network_in", "part_of_checkpoint"]

_CLASSES = {
    "LTX2VideoTransformer3DModel": "transformer",
    "AutoencoderKLLTX2Video": "video VAE",
    "AutoencoderKLLTX2Audio": "audio VAE",
    "LTX2TextConnectors": "text connectors",
    "LTX2Vocoder": "vocoder",
    "LTX2VocoderWithBWE": "vocoder",
    "LTX2LatentUpsamplerModel": "latent upsampler",
    "LTX2DurationHead": "duration head",
    "LTX2VideoDiffusionDecoderModel": "diffusion decoder",
}
"""diffusers' classes for LTX-2, and what each is."""

_OPTIONS = {
    "transformer": "transformer_path",
    "video VAE": "vae_path",
    "audio VAE": "audio_vae_path",
    "latent upsampler": "upsampler_weights",
}
_MARKS = {
    "latent upsampler": ("initial_conv.weight", "post_upsample_res_blocks.0.conv1.weight"),
    "transformer": ("audio_proj_in.weight", "av_cross_attn_video_a2v_gate.linear.weight"),
    "text connectors": ("video_connector.learnable_registers",),
}
"""Weights by diffusers' names that only this network of LTX-2 has."""


@frozen
class Part:
    """One network: where it is, and what it is in words."""

    path: Path
    network: str

    def refusal(self) -> lt.CheckpointError:
        """The error for this network in the place of a checkpoint."""
        option = _OPTIONS.get(self.network)
        remedy = f" and this as {option}=" if option else ""
        return lt.CheckpointError(
            str(self.path),
            f"is one network of LTX-2 ({self.network}), not a checkpoint: give the folder of a "
            f"whole checkpoint in diffusers' layout{remedy}",
        )


def part_of_checkpoint(path: Path) -> Part | None:
    """The network of LTX-2 that a folder or a file of weights is, or None for anything else."""
    network = _in_words(path / "config.json") if path.is_dir() else network_in(path)
    return None if network is None else Part(path, network)


def network_in(file: Path) -> str | None:
    """What network of LTX-2 a file in diffusers' layout has the weights of, in words.

    By its keys, or by the configuration that lies beside it. None for anything else.
    """
    from safetensors import SafetensorError, safe_open

    if file.suffix not in (".safetensors", ".sft") or not file.is_file():
        return None
    try:
        with safe_open(file, framework="numpy") as opened:
            keys = set(opened.keys())
    except (OSError, SafetensorError):
        return None  # whoever reads it says what is wrong
    for network, marks in _MARKS.items():
        if keys.issuperset(marks):
            return network
    is_component = file.name == "diffusion_pytorch_model.safetensors"
    return _in_words(file.with_name("config.json")) if is_component else None


def _in_words(config: Path) -> str | None:
    try:
        document = json.loads(config.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    name = document.get("_class_name") if isinstance(document, dict) else None
    return _CLASSES.get(name) if isinstance(name, str) else None
