"""What is in a checkpoint folder, read from its small files alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.generation import Generation, generation_of

__all__ = ["default_image_crf", "find_upsampler", "is_tiny", "read_json", "recognise"]

_TRANSFORMER_CLASS = "LTX2VideoTransformer3DModel"
_UPSAMPLER_CLASS = "LTX2LatentUpsamplerModel"
_UPSAMPLER_FOLDERS = ("spatial_upscaler", "spatial_upsampler", "latent_upsampler")
_TINY_WIDTH = 1024
_PRESETS: dict[Generation, str] = {
    "2.0": "ltx2_base",
    "2.3": "ltx2_3_base",
    "2.5": "ltx2_5_distilled",  # the transformer/ of the published folder is the distilled one
}
_IMAGE_CRF: dict[Generation, int] = {"2.0": 33, "2.3": 33, "2.5": 18}


def recognise(path: Path) -> lt.Recognition | None:
    """Whether ``path`` is an LTX-2 checkpoint, and the preset it gets.

    In diffusers' layout the transformer's configuration decides, whatever pipeline class or null
    component ``model_index.json`` names; in Lightricks' own, the keys and the metadata of the file
    with the transformer, and whether its name says that it is a distilled one.

    Raises `longtake.CheckpointError` for a folder that says it is LTX-2 and lacks a transformer,
    and for what holds only some of the networks: files without a transformer, the folder or the
    weights of one network.
    """
    config_path = path / "transformer" / "config.json"
    if not config_path.is_file():
        if _index_says_ltx2(path / "model_index.json"):
            raise lt.CheckpointError(str(config_path), "missing; the checkpoint is incomplete")
        return _recognise_files(path)
    config = read_json(config_path)
    if config.get("_class_name") != _TRANSFORMER_CLASS:
        return None
    generation = generation_of(config)
    preset = "ltx2_tiny" if is_tiny(config, config_path) else _PRESETS[generation]
    return lt.Recognition(preset, f"LTX-{generation}")


def is_tiny(config: Mapping[str, Any], path: Path) -> bool:
    """Whether a transformer is one for trying out, by the width that its configuration says.

    Raises `longtake.CheckpointError` naming ``path`` for sizes that are no counts.
    """
    heads = _count(config, "num_attention_heads", 32, path)
    return heads * _count(config, "attention_head_dim", 128, path) < _TINY_WIDTH


def _recognise_files(path: Path) -> lt.Recognition | None:
    """As `recognise`, of single files."""
    from longtake_ltx2.checkpoints.configs import config_in_file
    from longtake_ltx2.checkpoints.parts import part_of_checkpoint
    from longtake_ltx2.checkpoints.single_file import recognise_files

    if (part := part_of_checkpoint(path)) is not None:
        raise part.refusal()
    files = [file for file in recognise_files(path) if file.generation is not None]
    transformer = next((file for file in files if "transformer" in file.starts), None)
    if transformer is None:
        if not files:
            return None
        has = ", ".join(sorted({name for file in files for name in file.components}))
        raise lt.CheckpointError(
            str(path), f"is LTX-{files[0].generation} in Lightricks' own layout without a "
            f"transformer; it has {has}: give the file with the transformer, or a folder with all"
        )  # fmt: skip
    generation = transformer.generation
    assert generation is not None
    if is_tiny(config_in_file(transformer, "transformer"), transformer.path):
        return lt.Recognition("ltx2_tiny", f"LTX-{generation}")
    name = transformer.path.name.lower()
    preset = _PRESETS[generation]
    if "distilled" in name and generation != "2.5":
        preset = "ltx2_distilled"
    if "dev" in name and generation == "2.5":
        preset = "ltx2_5_base"
    return lt.Recognition(preset, f"LTX-{generation}")


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


def _index_says_ltx2(path: Path) -> bool:
    return path.is_file() and str(read_json(path).get("_class_name", "")).startswith("LTX2")
