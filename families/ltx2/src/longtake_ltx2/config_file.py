"""A strict configuration from a JSON file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

from attrs import AttrsInstance, fields

import longtake as lt

__all__ = ["read_config"]

T = TypeVar("T", bound=AttrsInstance)

_FIELD_OF_MESSAGE = re.compile(r"^'(\w+)' ")


def read_config(path: Path, cls: type[T]) -> T:
    """Build ``cls`` from the JSON object in a file; lists become tuples.

    Raises `longtake.ValidationError` naming the file, and the field for an unknown one or a value
    that a validator of ``cls`` refuses.
    """
    document = _read(path)
    known = [each.name for each in fields(cls)]
    for name in document:
        if name not in known:
            problem = f"unknown field; allowed: {', '.join(known)}"
            raise lt.ValidationError(f"{path}: {name}", problem)
    values = {n: tuple(v) if isinstance(v, list) else v for n, v in document.items()}
    try:
        return cls(**values)
    except lt.ValidationError as error:
        raise lt.ValidationError(f"{path}: {error.path}", error.problem) from None
    except (TypeError, ValueError) as error:  # of attrs' validators: the message names the field
        message = str(error.args[0])
        field = _FIELD_OF_MESSAGE.match(message)
        if field is None:
            raise lt.ValidationError(str(path), message) from None
        problem = message[field.end() :]
        raise lt.ValidationError(f"{path}: {field[1]}", problem) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise lt.ValidationError(str(path), f"cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise lt.ValidationError(str(path), "is not a JSON object")
    return document
