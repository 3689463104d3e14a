"""The tokenizer of a checkpoint, and whether it can pad."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.checkpoints.gemma_file import tokenizer_files

__all__ = ["check_tokenizer", "check_tokenizer_at", "load_tokenizer", "load_tokenizer_file"]

_WITH_TOKENS = ("Gemma",)
"""How the classes begin that have such tokens without being told."""


def check_tokenizer(folder: Path) -> None:
    """Refuse a tokenizer that is missing, or that has nothing to pad prompts with.

    Raises `longtake.CheckpointError` naming the file.
    """
    config: dict[str, Any] = {}
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).is_file():
            config = read_json(folder / name) | config
    if not (folder / "tokenizer.model").is_file():
        read_json(folder / "tokenizer.json")
    named = [config.get(name) for name in ("pad_token", "eos_token")]
    has_own = str(config.get("tokenizer_class", "")).startswith(_WITH_TOKENS)
    if not has_own and not any(map(_is_token, named)):
        raise lt.CheckpointError(
            str(folder / "tokenizer_config.json"),
            "names neither a pad_token nor an eos_token, and prompts are padded with one of them; "
            "take the checkpoint's own file, or add the pad_token that tokenizer.json has",
        )


def check_tokenizer_at(place: Path) -> None:
    """As `check_tokenizer`, of a folder or of a single file that has the tokenizer in it."""
    if place.is_dir():
        check_tokenizer(place)
        return
    with _written(place) as folder:
        check_tokenizer(folder)


def load_tokenizer_file(file: Path) -> Any:
    """The tokenizer that is in a text encoder's file.

    Raises `longtake.CheckpointError` naming the file.
    """
    with _written(file) as folder:
        return load_tokenizer(folder)


@contextmanager
def _written(file: Path) -> Iterator[Path]:
    """A folder with the tokenizer of a single file; errors about it name the file."""
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        for name, data in tokenizer_files(file).items():
            Path(folder, name).write_bytes(data)
        try:
            yield Path(folder)
        except lt.CheckpointError as error:
            raise lt.CheckpointError(str(file), f"its tokenizer {error.problem}") from error


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer. Raises `longtake.CheckpointError` naming the folder."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # tokenizers raises nothing narrower
        raise lt.CheckpointError(str(folder), f"cannot be loaded: {error}") from error


def _is_token(token: Any) -> bool:
    """A text that is not empty, or a token's own record."""
    text = token.get("content") if isinstance(token, dict) else token
    return isinstance(text, str) and bool(text)
