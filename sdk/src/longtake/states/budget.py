"""What one state may take in memory, told before any of it is unpacked."""

from __future__ import annotations

import json
from typing import Any

from longtake.errors import ValidationError
from longtake.schema.texts import CONTAINERS
from longtake.settings import LEAST, StateLimits

__all__ = [
    "StateBudget",
    "check_depth",
    "check_values",
    "check_written",
    "read_document",
    "read_json",
]

_VALUE_BYTES = 128
"""What a number, text, list or object takes in Python besides its text, or more."""
_MARKS = (",", "[", "{")
"""What there is one of for each value of a JSON document, at least."""


class StateBudget:
    """The bytes that one state may take, decoded: arrays, texts, and whatever else is made of it.

    A few megabytes of compressed pictures unpack to gigabytes, so a codec makes one budget for each
    state that it reads, and asks it for every part, by the size that the part's header says, before
    it allocates anything for that part.

    ``num_bytes``: what there is in all; by default the ``state_bytes`` of `StateLimits`, 512 MiB.
    """

    def __init__(self, num_bytes: int | None = None) -> None:
        self.limits = StateLimits.current()
        self.left = self.limits.state_bytes if num_bytes is None else num_bytes

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
    """The document of a state, or of a part of one, in ``text``.

    Raises `ValidationError` for one of more values than `StateLimits` say, and like
    `read_document`.
    """
    check_values(text)
    return read_document(text, parse_constant=parse_constant)


def read_document(text: str | bytes | bytearray, *, parse_constant: Any = None) -> Any:
    """The document in ``text``, unless its values alone would take more memory than a state may.

    Raises `ValidationError` for that, for a text that is longer than a state's can be, for one that
    is nested too deep, and what `json.loads` raises.
    """
    budget = StateBudget()
    if isinstance(text, str | bytes | bytearray) and len(text) > 2 * budget.left:
        raise ValidationError(
            "", f"has {len(text)} characters of JSON; at most {2 * budget.left} are read"
        )
    values = _count_of_values(text)
    budget.take(_VALUE_BYTES * values, "", f"about {values} values")
    document = json.loads(text, parse_constant=parse_constant)
    check_depth(document, "")
    return document


def check_values(text: str | bytes | bytearray) -> None:
    """Refuse the JSON of a state that has more values than `StateLimits` say."""
    values, most = _count_of_values(text), StateLimits.current().values
    if values > most:
        problem = f"has about {values} values of JSON; at most {most}"
        raise ValidationError("", f"{problem} (LONGTAKE_STATE_LIMITS allows more)")


def check_written(document: object, text: str, path: str) -> None:
    """Refuse a document that could not be read again; ``text`` is its JSON.

    Raises `ValidationError` with ``path`` for what `check_depth` and `check_values` refuse.
    """
    openings = text.count("{") + text.count("[")
    if openings <= LEAST["depth"] and openings + text.count(",") <= LEAST["values"]:
        return  # as every limit allows, so that none is asked for
    if openings > StateLimits.current().depth:
        check_depth(document, path)
    check_values(text)


def _count_of_values(text: object) -> int:
    """About how many; none for what is no text, which `json.loads` refuses."""
    if isinstance(text, str):
        return sum(text.count(mark) for mark in _MARKS)
    if isinstance(text, bytes | bytearray):
        return sum(text.count(mark.encode()) for mark in _MARKS)
    return 0


def check_depth(document: object, path: str) -> None:
    """Refuse what is nested deeper than `StateLimits` say, and a value that contains itself."""
    most = StateLimits.current().depth
    level: list[Any] = [document] if isinstance(document, CONTAINERS) else []
    depth = 0
    while level:
        if depth > most:
            problem = f"is nested more than {most} deep (LONGTAKE_STATE_LIMITS allows more)"
            raise ValidationError(path, problem)
        inner: dict[int, object] = {}
        for each in level:
            for item in each.values() if isinstance(each, dict) else each:
                if isinstance(item, CONTAINERS):
                    inner[id(item)] = item  # once, however often it is there
        level, depth = list(inner.values()), depth + 1
