"""Payloads with one thing wrong in them, and what may happen when they are read."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from attrs import frozen

__all__ = [
    "BAD_VERSIONS",
    "NO_NUMBERS",
    "ODD_TEXTS",
    "Damaged",
    "Place",
    "absurd_numbers",
    "at",
    "big_values",
    "extreme_numbers",
    "other_types",
    "path_of",
    "pickles",
    "places",
    "removed",
    "replaced",
]

Place: TypeAlias = tuple[str | int, ...]
"""Keys and indices that lead from a payload to a value in it."""

NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))
"""What Python's JSON reader takes for numbers and JSON does not have."""

BAD_VERSIONS: tuple[Any, ...] = (0, -1, "1", True, 1.0, None, [], 2**70)

ODD_TEXTS = ("", " ", "\x00", "\ud800", "\u202e", "NaN", "1e999", "null", "../..", "%00", "é", "=")
"""Texts that JSON can say and that careless readers trip over."""

_DEPTH = 5_000


@frozen
class Damaged:
    """A payload that is not what the codec wrote. ``change``: what was done to it, in words."""

    place: Place
    change: str
    payload: dict[str, Any]

    def __str__(self) -> str:
        return f"{path_of(self.place)} {self.change}"


def path_of(place: Place) -> str:
    """``state.payload.a[0].b``."""
    parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return "state.payload" + "".join(parts)


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Every place in ``value``; of a list the first, the middle and the last item."""
    if isinstance(value, dict):
        keys: list[Any] = list(value)
    elif isinstance(value, list | tuple):
        keys = sorted({0, len(value) // 2, len(value) - 1}) if value else []
    else:
        return
    for key in keys:
        yield (*above, key)
        yield from places(value[key], (*above, key))


def at(payload: Any, place: Place) -> Any:
    """The value there. Raises `LookupError` or `TypeError` when there is no such place."""
    for key in place:
        payload = payload[key]
    return payload


def replaced(payload: Any, place: Place, value: Any) -> Any:
    """``payload`` with ``value`` at ``place``; shares the rest."""
    if not place:
        return value
    changed = _shallow_copy(payload)
    changed[place[0]] = replaced(payload[place[0]], place[1:], value)
    return changed


def removed(payload: Any, place: Place) -> Any:
    """``payload`` without what is at ``place``; shares the rest."""
    changed = _shallow_copy(payload)
    if len(place) == 1:
        del changed[place[0]]
    else:
        changed[place[0]] = removed(payload[place[0]], place[1:])
    return changed


def _shallow_copy(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else list(value)


def other_types(value: Any) -> Iterator[Any]:
    """Values of every other type of JSON than ``value`` has."""
    for other in (None, True, 7, 7.5, "other", [], {}, [7], {"other": 7}):
        if _json_type(other) != _json_type(value):
            yield other
    if isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", str: "string", dict: "object"}
    return names.get(type(value), "array" if isinstance(value, list | tuple) else "null")


def extreme_numbers(value: Any) -> Iterator[float]:
    """Numbers in the place of ``value`` that hardly any field has a use for."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from (-1, -(2**63), 2**53 + 2, 2**64, 10**30, 10**400, -1e308, 1e308, 0.1)


def absurd_numbers(value: Any) -> Iterator[float]:
    """Numbers in the place of ``value`` that JSON keeps and nothing can be computed with."""
    if isinstance(value, float):
        yield from (1e300, -1e300)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield 2**62


def big_values(many: int) -> Mapping[str, Any]:
    """Values that are too deep, too long or too many, by what they are called."""
    deep_list: Any = []
    deep_object: Any = {}
    for _ in range(_DEPTH):
        deep_list, deep_object = [deep_list], {"a": deep_object}
    return {
        f"is a list nested {_DEPTH} deep": deep_list,
        f"is an object nested {_DEPTH} deep": deep_object,
        f"is {many} letters": "A" * many,
        f"is a list of {many} zeros": [0] * many,
        f"is a list of {many // 10} objects": [{} for _ in range(many // 10)],
        f"is an object of {many // 10} fields": {str(n): n for n in range(many // 10)},
    }


class _Canary:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _sing, ("unpickled",)


SUNG: list[str] = []
"""What was heard since it was cleared: something means that a pickle was loaded."""


def _sing(text: str) -> str:
    SUNG.append(text)
    return text


def pickles() -> tuple[bytes, tuple[str, ...]]:
    """A pickle that sings when it is loaded, and texts that say the same bytes."""
    data = pickle.dumps(_Canary())
    texts = (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode(), data.hex())
    return data, (*texts, data.decode("latin-1"), pickle.dumps(_Canary(), 0).decode("latin-1"))
