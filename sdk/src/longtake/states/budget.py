"""What one state may take in memory, told before any of it is unpacked."""

from __future__ import annotations

import json
from typing import Any

from longtake.errors import ValidationError
from longtake.settings import Settings

__all__ = ["StateBudget", "read_json"]

_VALUE_BYTES = 128
"""What a number, text, list or object takes in Python besides its text, or more."""
_MARKS = (",", "[", "{")
"""What there is one of for each value of a JSON document, at least."""


class StateBudget:
    """The bytes that one state may take, decoded: arrays, texts, and whatever else is made of it.

    A few megabytes of compressed pictures unpack to gigabytes, so a codec makes one budget for each
    state that it reads, and asks it for every part, by the size that the part's header says, before
    it allocates anything for that part.

    ``num_bytes``: what there is in all; by default what ``LONGTAKE_STATE_BYTES`` says, or 512 MiB.
    """

    def __init__(self, num_bytes: int | None = None) -> None:
        self.left = Settings.from_environment().state_bytes if num_bytes is None else num_bytes

    def take(self, num_bytes: int, path: str, what: str = "") -> None:
        """Count ``num_bytes`` more.

        Raises `ValidationError` with ``path`` when so many are not left; ``what`` then says what
        is there, such as ``"85 frames of 4096x4096"``.
        """
        if num_bytes > self.left:
            problem = f"has {what + ', ' if what else ''}{num_bytes} bytes when unpacked"
            raise ValidationError(
                path, f"{problem}; {self.left} are left for it (LONGTAKE_STATE_BYTES allows more)"
            )
        self.left -= num_bytes


def read_json(text: str | bytes | bytearray, *, parse_constant: Any = None) -> Any:
    """The document in ``text``, unless its values alone would take more than a state may.

    Raises `ValidationError` for that, and what `json.loads` raises.
    """
    values = 0
    if isinstance(text, str):
        values = sum(text.count(mark) for mark in _MARKS)
    elif isinstance(text, bytes | bytearray):
        values = sum(text.count(mark.encode()) for mark in _MARKS)
    StateBudget().take(_VALUE_BYTES * values, "", f"about {values} values")
    return json.loads(text, parse_constant=parse_constant)
