"""Strict checks of the small values in a continuation state.

Each takes a value and the path to blame, and returns the value or raises
`longtake.ValidationError`. Nothing is coerced but an int where a float is meant: JavaScript writes
1.0 as 1.
"""

from __future__ import annotations

import binascii
import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NoReturn, cast

import longtake as lt

__all__ = [
    "MAX_COUNT",
    "SCALARS",
    "base64_bytes",
    "base64_size",
    "blob_id",
    "checked_scalars",
    "integer",
    "number",
    "object_",
    "open_json",
    "refuse",
    "shown",
]

MAX_COUNT = 2**53
"""The largest count: up to here every JSON reader keeps integers exact."""
MAX_DEPTH = 100
"""How deep what others keep in a state may be nested: far less than JSON writers can follow."""


def refuse(path: str, problem: str) -> NoReturn:
    """Raise `longtake.ValidationError`."""
    raise lt.ValidationError(path, problem)


def shown(value: object) -> str:
    """A few words for ``value``, however large it is."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "...")
    if isinstance(value, bool | float | None):
        return repr(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 2**64 else f"an integer of {value.bit_length()} bits"
    return f"a value of type {type(value).__name__}"


def integer(value: object, path: str, *, low: int = 0, high: int = MAX_COUNT) -> int:
    """An int from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(path, f"is {shown(value)}; must be an integer")
    if not low <= value <= high:
        refuse(path, f"is {shown(value)}; must be from {low} to {high}")
    return value


def number(value: object, path: str, *, low: float, high: float) -> float:
    """A finite number from ``low`` to ``high``, as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(path, f"is {shown(value)}; must be a number")
    if not low <= value <= high:  # also refuses NaN
        refuse(path, f"is {shown(value)}; must be from {low:g} to {high:g}")
    return float(value)


def object_(value: object, path: str) -> dict[str, Any]:
    """A new dict of a mapping with string keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        refuse(path, f"is {shown(value)}; must be an object")
    return dict(value)


def open_json(value: object, path: str) -> object:
    """JSON that others keep in the state: anything that can be written again."""
    level, depth = _open_in((value,), path), 0
    while level:
        inner: dict[int, object] = {}
        for each in level.values():
            if each and depth == MAX_DEPTH:
                refuse(path, f"is nested more than {MAX_DEPTH} deep")
            if isinstance(each, Mapping):
                inner |= _open_in(object_(each, path), path)
                each = each.values()
            inner |= _open_in(each, path)
        level, depth = inner, depth + 1
    return value


def _open_in(items: Iterable[Any], path: str) -> dict[int, Any]:
    """What has items of its own, once, however often it is there; the rest is checked."""
    found: dict[int, Any] = {}
    for item in items:
        kind = type(item)
        if kind is dict or kind is list:
            found[id(item)] = item
        elif kind is not int:
            if isinstance(item, Mapping | tuple | list):
                found[id(item)] = item
            else:
                _open_scalar(item, path)
    return found


def _open_scalar(item: object, path: str) -> None:
    if isinstance(item, float):
        if not math.isfinite(item):
            refuse(path, f"holds {item!r}, which is not JSON")
    elif isinstance(item, str):
        if not _is_unicode(item):
            refuse(path, f"holds {shown(item)}, which is no Unicode text; write it in UTF-8")
    elif item is not None and not isinstance(item, int):
        refuse(path, f"holds {shown(item)}, which is not JSON")


def _is_unicode(text: str) -> bool:
    """Whether it is free of halves of surrogate pairs, which no file takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def blob_id(value: object, path: str) -> str:
    """An id of the one form that ids have."""
    return lt.check_blob_id(value, path)


def base64_size(value: object, path: str, *, limit: int) -> int:
    """How many bytes a base64 string is decoded, if it is one; at most ``limit``."""
    if not isinstance(value, str):
        refuse(path, f"is {shown(value)}; must be a base64 string")
    if len(value) > (limit + 2) // 3 * 4:
        refuse(path, f"holds more than {limit} bytes")
    return len(value) // 4 * 3 - value[-2:].count("=")


def base64_bytes(value: object, path: str, *, limit: int) -> bytes:
    """The bytes of a base64 string, at most ``limit`` of them."""
    base64_size(value, path, limit=limit)
    try:
        return binascii.a2b_base64(cast(str, value), strict_mode=True)
    except ValueError:
        refuse(path, "is not base64")


SCALARS: Mapping[str, Callable[[object, str], Any]] = {
    "segment_index": integer,
    "video_conditioning_frame_idx": partial(integer, high=1_000_000),
    "video_conditioning_strength": partial(number, low=0.0, high=1.0),
    "audio_sample_rate": partial(integer, low=1, high=1_000_000),
    "audio_conditioning_num_frames": partial(integer, high=1_000_000),
    "audio_conditioning_strength": partial(number, low=0.0, high=1.0),
    "video_position_offset_sec": partial(number, low=-1e6, high=1e6),
}
"""The check of every scalar field of an `ltx2.v1` payload."""


def checked_scalars(values: Mapping[str, Any]) -> dict[str, Any]:
    """The scalar fields among ``values``, by name, floats where floats are meant."""
    return {
        name: check(values[name], f"state.payload.{name}")
        for name, check in SCALARS.items()
        if name in values
    }
