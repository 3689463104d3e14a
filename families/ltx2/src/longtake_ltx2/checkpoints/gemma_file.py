"""Gemma in a single file: its weights, its configuration and its tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.checkpoints.folder import read_json

__all__ = ["TOKENIZER", "gemma_config", "gemma_names", "has_tokenizer", "tokenizer_files"]

TOKENIZER = "tokenizer_json"
"""The tensor that ``tokenizer.json`` is in, a byte a value."""

_CONFIG = "gemma_config"
_ASSETS = "hf_asset__"
_OF_TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json")
_BESIDE = (TOKENIZER, _ASSETS, "spiece_model", "text_embedding_projection.")
"""How the names begin of what is in the file beside Gemma's own tensors."""

_FLAT_4 = {
    "model.layers.": "model.language_model.layers.",
    "model.embed_tokens.": "model.language_model.embed_tokens.",
    "model.norm.": "model.language_model.norm.",
    "vision_model.": "model.vision_embedder.",
    "multi_modal_projector.": "model.embed_vision.",
    "audio_projector.": "model.embed_audio.",
}
_FLAT_3 = {
    "model.layers.": "language_model.model.layers.",
    "model.embed_tokens.": "language_model.model.embed_tokens.",
    "model.norm.": "language_model.model.norm.",
    "vision_model.": "vision_tower.vision_model.",
}
"""ComfyUI's names, in which the language model is at the top, and those of transformers."""

_ARCHITECTURES = {
    "gemma3": "Gemma3ForConditionalGeneration",
    "gemma3_text": "Gemma3ForCausalLM",
    "gemma4": "Gemma4ForConditionalGeneration",
    "gemma4_unified": "Gemma4UnifiedForConditionalGeneration",
}


def gemma_config(file: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What ``config.json`` says of the text encoder in ``file``.

    It is in the file's metadata, or lies beside it. Raises `longtake.CheckpointError` for one that
    cannot be read, and where there is none.
    """
    if _CONFIG not in metadata:
        beside = file.with_name("config.json")
        if not beside.is_file():
            raise lt.CheckpointError(
                str(file),
                f"does not say how its text encoder is built: it has no {_CONFIG} in its metadata, "
                "and there is no config.json beside it; put that of the Gemma there, or give the "
                "folder of the Gemma as text_encoder_path",
            )
        return read_json(beside)
    try:
        config = json.loads(metadata[_CONFIG])
    except (ValueError, RecursionError) as error:
        raise lt.CheckpointError(str(file), f"the {_CONFIG} in it is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise lt.CheckpointError(str(file), f"the {_CONFIG} in it is not an object")
    known = _ARCHITECTURES.get(config.get("model_type", ""))
    return config if known is None else {"architectures": [known], **config}


def gemma_names(names: Mapping[str, str]) -> dict[str, str]:
    """Gemma's own tensors by transformers' names; the others are left out.

    ``names``: the keys in the file, by their names.
    """
    flat: Mapping[str, str] = {}
    if "model.embed_tokens.weight" in names:
        # Gemma 4 scales the output of each layer.
        flat = _FLAT_4 if "model.layers.0.layer_scalar" in names else _FLAT_3
    renamed = {}
    for name, key in names.items():
        if name.startswith(_BESIDE):
            continue
        start = next((start for start in flat if name.startswith(start)), "")
        renamed[flat.get(start, "") + name.removeprefix(start)] = key
    return renamed


def has_tokenizer(names: Mapping[str, Any]) -> bool:
    """Whether a file with tensors of these names has a tokenizer in it."""
    return TOKENIZER in names


def tokenizer_files(file: Path) -> dict[str, bytes]:
    """The files of the tokenizer in ``file``, by name.

    Raises `longtake.CheckpointError` when there is none, or it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            keys, metadata = set(opened.keys()), opened.metadata() or {}
            if TOKENIZER not in keys:
                raise lt.CheckpointError(
                    str(file), f"has no tokenizer ({TOKENIZER}) in it; give one as tokenizer_path"
                )
            found = {"tokenizer.json": _bytes(opened, TOKENIZER)}
            for name in _OF_TOKENIZER:
                if f"{_ASSETS}{name}" in keys:
                    found[name] = _bytes(opened, f"{_ASSETS}{name}")
                elif name in metadata:
                    found[name] = metadata[name].encode()
            return found
    except (OSError, SafetensorError) as error:
        raise lt.CheckpointError(str(file), f"is damaged ({error}); download it again") from error


def _bytes(opened: Any, key: str) -> bytes:
    """ComfyUI stores the same bytes as signed integers."""
    data: bytes = opened.get_tensor(key).astype("uint8").tobytes()
    return data
