"""What a recorded state meant when it was written: its fields, and the segment after it.

Fields are compared exactly, by a digest for each, so that a later version may add some. The segment
is compared coarsely, because another machine's arithmetic rounds otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import pairwise
from typing import Any

import attrs

import longtake as lt

__all__ = ["changed_fields", "changed_segment", "fields_of", "segment_of"]

_TILES = 8
_WINDOWS = 16
_LEVELS = 6
"""Of 255: how much the mean of a tile may differ."""
_LOUDNESS = 0.02
"""How much the root mean square of a window may differ."""


def fields_of(value: Any) -> dict[str, str]:
    """The digest of each field of a typed state, by its name."""
    names = [field.name for field in attrs.fields(type(value)) if field.init]
    return {name: sha256(b"".join(_bytes(getattr(value, name)))).hexdigest() for name in names}


def segment_of(result: lt.GenerationResult) -> dict[str, Any]:
    """Grey tiles of the first, middle and last new frame, and how loud the sound is, window by
    window.
    """
    count = len(result.frames)
    frames = [result.frames[index] for index in sorted({0, count // 2, count - 1})] if count else []
    return {
        "frames": count,
        "tiles": [_tiles(frame) for frame in frames],
        "loudness": [] if result.audio is None else _loudness(result.audio),
    }


def changed_fields(recorded: Mapping[str, str], value: Any) -> list[str]:
    """The fields that are still there and say something else than when they were recorded."""
    now = fields_of(value)
    return [name for name, digest in recorded.items() if now.get(name, digest) != digest]


def changed_segment(recorded: Mapping[str, Any], result: lt.GenerationResult) -> str:
    """What of the segment is another one; empty when nothing is."""
    now: dict[str, Any] = json.loads(json.dumps(segment_of(result)))
    if now["frames"] != recorded["frames"]:
        return f"it has {now['frames']} frames and had {recorded['frames']}"
    for what, most in (("tiles", _LEVELS), ("loudness", _LOUDNESS)):
        before, after = list(_numbers(recorded[what])), list(_numbers(now[what]))
        far = max((abs(a - b) for a, b in zip(before, after, strict=False)), default=0)
        if len(before) != len(after) or far > most:
            return f"its {what} differ by {far:.3g}, {most} at most are rounding"
    return ""


def _bytes(value: Any) -> Iterator[bytes]:
    """The value in a form of its own, also where it holds arrays; types by their names."""
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            if field.init:
                yield f"{field.name}=".encode()
                yield from _bytes(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            yield repr(key).encode()
            yield from _bytes(value[key])
    elif isinstance(value, list | tuple):
        yield f"[{len(value)}]".encode()
        for item in value:
            yield from _bytes(item)
    elif hasattr(value, "dtype") and hasattr(value, "shape"):
        yield f"{value.dtype} {tuple(value.shape)} {value.tolist()!r}".encode()
    else:
        yield repr(value).encode()


def _tiles(frame: Any) -> list[list[int]]:
    rows = _parts(frame.mean(axis=2), _TILES)
    return [[round(float(tile.mean())) for tile in _parts(row.T, _TILES)] for row in rows]


def _loudness(audio: Any) -> list[float]:
    windows = _parts(audio.T, _WINDOWS)
    return [round(float((window.astype(float) ** 2).mean()) ** 0.5, 4) for window in windows]


def _parts(array: Any, most: int) -> list[Any]:
    """``array`` in at most ``most`` parts along its first axis, none of them empty."""
    count = min(most, len(array))
    edges = [len(array) * part // count for part in range(count + 1)] if count else []
    return [array[start:stop] for start, stop in pairwise(edges)]


def _numbers(nested: Any) -> Iterator[float]:
    if isinstance(nested, list):
        for item in nested:
            yield from _numbers(item)
    else:
        yield float(nested)
