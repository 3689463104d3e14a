"""What describes each network of a checkpoint, wherever it is; no weights are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.checkpoints.gemma_file import gemma_config, tokenizer_files
from longtake_ltx2.checkpoints.layout import Layout, is_folder
from longtake_ltx2.checkpoints.original_config import (
    audio_vae_config,
    transformer_config,
    vae_config,
)
from longtake_ltx2.checkpoints.original_names import diffusers_names
from longtake_ltx2.checkpoints.original_parts import (
    connectors_config,
    diffusion_decoder_config,
    duration_head_config,
    upsampler_config,
    vocoder_config,
)
from longtake_ltx2.checkpoints.single_file import SingleFile, recognise_files, single_file
from longtake_ltx2.generation import Generation

__all__ = ["config_in_file", "config_of", "connectors_in_files", "tokenizer_config"]


def config_of(layout: Layout, name: str) -> dict[str, Any]:
    """What ``config.json`` says, or would say, of a component.

    A transformer in a .gguf file is described by the checkpoint's own, and an upsampler's file by
    the one beside it, if there is one. Raises
    `longtake.CheckpointError` for a component that is missing or cannot be described.
    """
    place = layout.place(name)
    if place.is_dir() or not place.exists():
        return read_json(place / "config.json")
    if place.suffix == ".gguf":
        return _of_own_transformer(layout)
    beside = place.with_name("config.json")
    if name == "upsampler" and beside.is_file():
        return read_json(beside)
    if name == "connectors":
        return connectors_in_files(layout)
    return config_in_file(single_file(place, name), name, layout.generation)


def _of_own_transformer(layout: Layout) -> dict[str, Any]:
    """What describes the checkpoint's own transformer where another one is taken."""
    if not is_folder(layout.path):
        for file in recognise_files(layout.path):
            if "transformer" in file.starts:
                return config_in_file(file, "transformer")
    return read_json(layout.path / "transformer" / "config.json")


def config_in_file(
    file: SingleFile, name: str, generation: Generation | None = None
) -> dict[str, Any]:
    """What ``config.json`` would say of a component of a single file.

    ``generation``: of the checkpoint, for a file that does not tell its own.

    Raises `longtake.CheckpointError` when what the file says makes no sense.
    """
    known = file.generation or generation or "2.0"
    if name == "text_encoder":
        return gemma_config(file.path, file.metadata)
    if name == "transformer":
        original = file.config_of("transformer")
        made = sensible(file.path, lambda: transformer_config(known, original))
        return {"_class_name": "LTX2VideoTransformer3DModel", **made}
    shapes = diffusers_names(name, file.shapes_of(name))
    return sensible(file.path, lambda: _MAKERS[name](file, known, shapes))


def connectors_in_files(layout: Layout) -> dict[str, Any]:
    """As `config_in_file`, of connectors whose text projection may be in another file."""
    file = single_file(layout.place("connectors"), "connectors")
    projection = single_file(layout.place("text_projection"), "text_projection")
    shapes = file.shapes_of("connectors") | projection.shapes_of("text_projection")
    encoder = config_of(layout, "text_encoder")

    def make() -> dict[str, Any]:
        hidden_size = encoder.get("text_config", encoder)["hidden_size"]
        named = diffusers_names("connectors", shapes)
        return connectors_config(file.config_of("transformer"), named, hidden_size)

    return sensible(file.path, make)


def tokenizer_config(layout: Layout) -> dict[str, Any]:
    """What ``tokenizer_config.json`` says; empty where there is none."""
    place = layout.place("tokenizer")
    if place.is_dir() or not place.exists():
        file = place / "tokenizer_config.json"
        return read_json(file) if file.is_file() else {}
    text = tokenizer_files(place).get("tokenizer_config.json", b"{}")
    found: dict[str, Any] = sensible(place, lambda: dict(json.loads(text)))
    return found


def sensible(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A configuration made of what a file says, which may be anything."""
    try:
        return make()
    except (
        AttributeError, KeyError, IndexError, TypeError, ValueError, ZeroDivisionError
    ) as error:  # fmt: skip
        problem = f"{type(error).__name__}: {error}"
        raise lt.CheckpointError(str(path), f"its config or its weights ({problem})") from error


Shapes = Mapping[str, tuple[int, ...]]


def _vae(file: SingleFile, generation: Generation, shapes: Shapes) -> dict[str, Any]:
    return {"_class_name": "AutoencoderKLLTX2Video", **vae_config(generation, shapes)}


def _audio_vae(file: SingleFile, generation: Generation, shapes: Shapes) -> dict[str, Any]:
    made = audio_vae_config(file.config_of("audio_vae"))
    return {"_class_name": "AutoencoderKLLTX2Audio", **made}


def _vocoder(file: SingleFile, generation: Generation, shapes: Shapes) -> dict[str, Any]:
    return vocoder_config(file.config_of("vocoder"), shapes)


def _duration_head(file: SingleFile, generation: Generation, shapes: Shapes) -> dict[str, Any]:
    return duration_head_config(file.config_of("duration_head"), shapes)


def _diffusion_decoder(file: SingleFile, generation: Generation, shapes: Shapes) -> dict[str, Any]:
    return diffusion_decoder_config(file.config_of("vae"), shapes)


def _upsampler(file: SingleFile, generation: Generation, shapes: Shapes) -> dict[str, Any]:
    return upsampler_config(file.config, shapes)


_MAKERS: dict[str, Callable[[SingleFile, Generation, Shapes], dict[str, Any]]] = {
    "vae": _vae,
    "audio_vae": _audio_vae,
    "vocoder": _vocoder,
    "duration_head": _duration_head,
    "diffusion_decoder": _diffusion_decoder,
    "upsampler": _upsampler,
}
