"""Values on their way between processes that may not have the same classes."""

from __future__ import annotations

import pickle
from typing import Any

import longtake as lt

__all__ = ["Parcel", "packed", "travelling", "unpacked"]

Parcel = tuple[bytes, str]
"""A pickle, and what it says in words, for whoever cannot read it."""


def packed(value: Any) -> Parcel:
    """The value for another process; an error that cannot travel is told in words."""
    text = _words(value)
    try:
        pickled = pickle.dumps(value)
        pickle.loads(pickled)  # an error may be written and not be read
    except Exception:  # isolation: the classes of plugins may do anything here
        pickled = b""
    return pickled, text


def unpacked(parcel: Parcel) -> Any:
    """The value; a `longtake.LongtakeError` in its place where this process cannot read it."""
    pickled, text = parcel
    try:
        return pickle.loads(pickled)
    except Exception:  # isolation: as above, and a class may not be here at all
        return lt.LongtakeError(text)


def travelling(**parts: object) -> bytes:
    """The parts, by their names, as a pickle. Raises `longtake.ValidationError`, naming one."""
    for name, part in parts.items():
        try:
            pickle.dumps(part)
        except Exception as error:  # isolation: whatever a part raises says that it stays here
            problem = f"must travel to workers in other processes, and cannot: {error}"
            raise lt.ValidationError(name, problem) from error
    return pickle.dumps(parts)


def _words(value: Any) -> str:
    error = value.error if isinstance(value, lt.OrderFailed) else value
    return f"{type(error).__name__}: {error}"
