"""Which files of a network's folder are its weights: those that its library will read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import longtake as lt
from longtake_ltx2.checkpoints.folder import read_json

__all__ = ["Library", "has_stale_index", "weight_files"]

Library = Literal["diffusers", "transformers"]

_NAMES: dict[Library, str] = {
    "diffusers": "diffusion_pytorch_model.safetensors",
    "transformers": "model.safetensors",
}
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")


def weight_files(folder: Path, library: Library = "diffusers") -> list[Path]:
    """The .safetensors files that ``library`` reads from a network's folder.

    diffusers prefers the files of an index to a whole one, transformers the other way round. Files
    and indexes of other names, as those of a variant, do not count. An index without any of its
    files, which stays when a network is saved anew, does not either if there is a whole file.

    Raises `longtake.CheckpointError` when there are none, or only some that an index names.
    """
    whole = folder / _NAMES[library]
    index = _index(whole)
    if whole.is_file() and (library == "transformers" or not index.is_file()):
        return [whole]
    if not index.is_file():
        raise lt.CheckpointError(str(folder), _without(folder, whole))
    named = sorted({folder / str(name) for name in _weight_map(index).values()})
    missing = [file for file in named if not file.is_file()]
    if not missing:
        return named
    if whole.is_file() and missing == named:
        return [whole]
    remedy = f"{index.name} names it; download the rest"
    if whole.is_file():
        remedy += f", or take {index.name} away, and {whole.name} is loaded"
    raise lt.CheckpointError(str(missing[0]), f"missing; {remedy}")


def has_stale_index(folder: Path) -> bool:
    """Whether a whole file counts that diffusers itself would overlook for a left-over index."""
    whole = folder / _NAMES["diffusers"]
    return _index(whole).is_file() and weight_files(folder) == [whole]


def _index(whole: Path) -> Path:
    return whole.with_name(f"{whole.name}.index.json")


def _without(folder: Path, whole: Path) -> str:
    """Why there are no weights in a folder, and what there is."""
    variants = sorted(folder.glob(f"{whole.stem}.*.safetensors*"))
    if variants and not variants[0].name.endswith(".index.json"):
        return (
            f"has no {whole.name}, only a variant ({variants[0].name}); rename the variant's files "
            "and those that its index names"
        )
    if pickled := sorted(file.name for file in folder.glob("*") if file.suffix in _PICKLED):
        return (
            f"has no .safetensors file; {pickled[0]} is pickled, which is not read: save the "
            "network anew with safe_serialization=True"
        )
    return f"has no .safetensors file of the name {whole.name}, nor its index"


def _weight_map(index: Path) -> dict[str, Any]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise lt.CheckpointError(str(index), "has no weight_map from weights to files")
    return weight_map
