"""What is in a checkpoint folder, read from its small files alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import longtake as lt

__all__ = ["COMPONENTS", "Generation", "check_components", "generation_of", "recognise"]

Generation = Literal["2.0", "2.3", "2.5"]

COMPONENTS = ("transformer", "vae", "audio_vae", "text_encoder", "connectors", "vocoder")
"""Folders with weights. The scheduler's file is not read: the preset decides the schedule."""

_TRANSFORMER_CLASS = "LTX2VideoTransformer3DModel"
_TINY_WIDTH = 1024
_PRESETS: dict[Generation, str] = {"2.0": "ltx2_base", "2.3": "ltx2_3_base", "2.5": "ltx2_3_base"}


def recognise(path: Path) -> lt.Recognition | None:
    """Whether ``path`` is an LTX-2 checkpoint in diffusers layout, and the preset it gets.

    The transformer's configuration decides, whatever pipeline class or null component
    ``model_index.json`` names. Raises `longtake.CheckpointError` for a folder that says it is
    LTX-2 and lacks it.
    """
    config_path = path / "transformer" / "config.json"
    if not config_path.is_file():
        if _index_says_ltx2(path / "model_index.json"):
            raise lt.CheckpointError(str(config_path), "missing; the checkpoint is incomplete")
        return None
    config = read_json(config_path)
    if config.get("_class_name") != _TRANSFORMER_CLASS:
        return None
    generation = generation_of(config)
    width = _count(config_path, "num_attention_heads", 32)
    width *= _count(config_path, "attention_head_dim", 128)
    preset = "ltx2_tiny" if width < _TINY_WIDTH else _PRESETS[generation]
    return lt.Recognition(preset, f"LTX-{generation}")


def generation_of(transformer_config: dict[str, Any]) -> Generation:
    """The generation that a transformer's configuration belongs to."""
    if transformer_config.get("use_keyframes_abs_pos_embedding"):
        return "2.5"
    modulated = transformer_config.get("cross_attn_mod") or transformer_config.get("gated_attn")
    return "2.3" if modulated else "2.0"


def check_components(path: Path) -> None:
    """Refuse a folder with a missing or cut-off component before anything is loaded.

    Raises `longtake.CheckpointError` naming the file.
    """
    for name in COMPONENTS:
        read_json(path / name / "config.json")
        for weights in _weight_files(path / name):
            _check_safetensors(weights)
    tokenizer = path / "tokenizer"
    if not (tokenizer / "tokenizer.model").is_file():
        read_json(tokenizer / "tokenizer.json")


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


def _count(config_path: Path, name: str, default: int) -> int:
    value = read_json(config_path).get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise lt.CheckpointError(str(config_path), f"{name} is {value!r}; must be a count")
    return value


def _index_says_ltx2(path: Path) -> bool:
    return path.is_file() and str(read_json(path).get("_class_name", "")).startswith("LTX2")


def _weight_files(folder: Path) -> list[Path]:
    wanted = {
        folder / str(name)
        for index in folder.glob("*.safetensors.index.json")
        for name in _weight_map(index).values()
    }
    found = wanted or set(folder.glob("*.safetensors"))
    if not found:
        raise lt.CheckpointError(str(folder), "has no .safetensors file")
    return sorted(found)


def _weight_map(index: Path) -> dict[str, Any]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict):
        raise lt.CheckpointError(str(index), "has no weight_map from weights to files")
    return weight_map


def _check_safetensors(path: Path) -> None:
    """Whether the file's header is sound and all the bytes it speaks of are there."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except FileNotFoundError:
        raise lt.CheckpointError(str(path), "missing; the checkpoint is incomplete") from None
    except (OSError, SafetensorError) as error:
        raise lt.CheckpointError(str(path), f"is damaged ({error}); download it again") from error
