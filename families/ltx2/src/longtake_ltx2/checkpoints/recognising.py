"""Whether a path is a checkpoint of LTX-2, and which preset it gets."""

from __future__ import annotations

from pathlib import Path

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_in_file
from longtake_ltx2.checkpoints.folder import is_tiny, read_json
from longtake_ltx2.checkpoints.parts import part_of_checkpoint
from longtake_ltx2.checkpoints.single_file import recognise_files
from longtake_ltx2.generation import Generation, generation_of

__all__ = ["recognise"]

_TRANSFORMER_CLASS = "LTX2VideoTransformer3DModel"
_PRESETS: dict[Generation, str] = {
    "2.0": "ltx2_base",
    "2.3": "ltx2_3_base",
    "2.5": "ltx2_5_distilled",  # the transformer/ of the published folder is the distilled one
}


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


def _recognise_files(path: Path) -> lt.Recognition | None:
    """As `recognise`, of single files."""
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


def _index_says_ltx2(path: Path) -> bool:
    return path.is_file() and str(read_json(path).get("_class_name", "")).startswith("LTX2")
