"""A strict configuration from a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import longtake as lt

__all__ = ["read_config"]

T = TypeVar("T")


def read_config(path: Path, cls: type[T]) -> T:
    """Build ``cls`` from the JSON object in a file.

    Raises `longtake.ValidationError` naming the file, and the field for an unknown one or a wrong
    value.
    """
    document = _read(path)
    try:
        return lt.structure(document, cls)
    except lt.ValidationError as error:
        raise lt.ValidationError(f"{path}: {error.path}", error.problem) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise lt.ValidationError(str(path), f"cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise lt.ValidationError(str(path), "is not a JSON object")
    return document
