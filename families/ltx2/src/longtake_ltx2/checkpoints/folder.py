"""What is in a checkpoint folder, read from its small files alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.generation import Generation

__all__ = ["default_image_crf", "find_upsampler", "fits_one_thread", "is_tiny", "read_json"]

_UPSAMPLER_CLASS = "LTX2LatentUpsamplerModel"
_UPSAMPLER_FOLDERS = ("spatial_upscaler", "spatial_upsampler", "latent_upsampler")
_TINY_WIDTH = 1024
_WEIGHTS_OF_ONE_THREAD = 100_000
"""Of one square matrix a layer: 65,536 take one core as long as two, 131,072 half as long again."""
_IMAGE_CRF: dict[Generation, int] = {"2.0": 33, "2.3": 33, "2.5": 18}


def is_tiny(config: Mapping[str, Any], path: Path) -> bool:
    """Whether a transformer is one for trying out, by the width that its configuration says.

    Raises `longtake.CheckpointError` naming ``path`` for sizes that are no counts.
    """
    return _width(config, path) < _TINY_WIDTH


def fits_one_thread(config: Mapping[str, Any], path: Path) -> bool:
    """Whether one thread computes a transformer as fast as several do, by the sizes of its layers.

    Raises as `is_tiny`.
    """
    layers = _count(config, "num_layers", 48, path)
    return layers * _width(config, path) ** 2 < _WEIGHTS_OF_ONE_THREAD


def _width(config: Mapping[str, Any], path: Path) -> int:
    heads = _count(config, "num_attention_heads", 32, path)
    return heads * _count(config, "attention_head_dim", 128, path)


def default_image_crf(generation: Generation) -> int:
    """How much still images are compressed before conditioning: H.264's constant rate factor.

    What each generation was trained with, as in diffusers' `resolve_default_image_crf`.
    """
    return _IMAGE_CRF[generation]


def find_upsampler(path: Path) -> Path | None:
    """The folder of the network that doubles the size of latents, or None when there is none.

    It is the one that ``model_index.json`` names, else ``spatial_upscaler``, ``spatial_upsampler``
    or ``latent_upsampler``. Raises `longtake.CheckpointError` for one that is named and missing.
    """
    index = path / "model_index.json"
    named = _upsampler_in_index(index) if index.is_file() else None
    if named is not None:
        if named in ("", "..") or Path(named).name != named:
            raise lt.CheckpointError(str(index), f"{named!r} is not the name of a folder")
        if not (path / named / "config.json").is_file():
            missing = f"missing; {index.name} names it as {_UPSAMPLER_CLASS}"
            raise lt.CheckpointError(str(path / named / "config.json"), missing)
        return path / named
    folders = (path / name for name in _UPSAMPLER_FOLDERS)
    return next((folder for folder in folders if (folder / "config.json").is_file()), None)


def _upsampler_in_index(index: Path) -> str | None:
    """An entry is a list of a library and a class."""
    for name, entry in read_json(index).items():
        if isinstance(entry, list) and entry[1:] == [_UPSAMPLER_CLASS]:
            return name
    return None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises `longtake.CheckpointError` for anything else."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise lt.CheckpointError(str(path), "missing; the checkpoint is incomplete") from None
    except (OSError, ValueError, RecursionError) as error:
        raise lt.CheckpointError(str(path), f"cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise lt.CheckpointError(str(path), "is not a JSON object")
    return document


def _count(config: Mapping[str, Any], name: str, default: int, path: Path) -> int:
    value = config.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise lt.CheckpointError(str(path), f"{name} is {value!r}; must be a count")
    return value
