"""Under which keys a session's rows lie, and how they are written.

========================  =========================================================================
``session/ID``            what never changes of it but its labels and its expiry
``head/ID``               its revision, how many segments it has, and whether it ends: what
                          compare-and-set compares
``segment/ID/INDEX``      one segment
``state/ID/INDEX``        the state after it
``claim/ID``              who says that it is at work on it
``hold/HOLD``             blobs that are held for a commit to come, or that are to be let go
``label/DIGEST/ID``       that it has the label whose digest it is
========================  =========================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from attrs import field, fields, frozen, has

from longtake.errors import SessionError, ValidationError, shown
from longtake.schema.wire import structure
from longtake.session_stores.records import SessionParent

__all__ = [
    "ClaimRow",
    "Head",
    "SessionRow",
    "claim_key",
    "decode",
    "decode_needs",
    "encode",
    "head_key",
    "hold_key",
    "label_key",
    "range_below",
    "segment_key",
    "session_key",
    "state_key",
]

T = TypeVar("T")

_ENDS = b" ends"

_FORMAT = 1
"""Of all rows. Another one is written only by a release that says how it reads this one."""


@frozen(kw_only=True)
class SessionRow:
    """What does not change with a session's segments. ``nonce``: the attempt that created it."""

    family: str
    preset: str
    labels: dict[str, str] = field(factory=dict)
    parent: SessionParent | None = None
    created: float
    expires: float | None = None
    nonce: str


@frozen
class Head:
    """What changes with a session's segments: its revision, and how many there are.

    ``expires``: whether the session has an end, so that a commit to one that has none need not ask.
    """

    revision: int
    num_segments: int
    expires: bool = False

    @property
    def branch(self) -> int:
        """Grows with each rewind, and only then."""
        return self.revision - self.num_segments

    def encode(self) -> bytes:
        """The row, the same bytes for the same head."""
        return b"%d %d%s" % (self.revision, self.num_segments, _ENDS if self.expires else b"")

    @classmethod
    def decode(cls, row: bytes) -> Head:
        """The inverse of `encode`. Raises `SessionError` for anything else."""
        numbers = row.removesuffix(_ENDS)
        try:
            revision, num_segments = map(int, numbers.split(b" "))
        except ValueError:
            raise SessionError("the head of a session is damaged in its store") from None
        return cls(revision, num_segments, numbers != row)


@frozen(kw_only=True)
class ClaimRow:
    """Who is at work on what, until when by the store's clock."""

    holder: str
    step: str
    until: float


def _nested(value: object) -> dict[str, Any]:
    if not has(type(value)):
        raise TypeError(f"{shown(value)} is none")
    return _document_of(value)


_TO_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_nested)


def encode(value: object) -> bytes:
    """The row of an attrs value: JSON, the same bytes for the same value.

    Raises `ValidationError` for a value that JSON has no way to say.
    """
    document = _document_of(value)
    document["format"] = _FORMAT
    try:
        text = _TO_JSON.encode(document)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError("", f"what is to be kept is not plain JSON: {error}") from None
    return text.encode()


def _document_of(value: Any) -> dict[str, Any]:
    names, values_of = _fields_of(type(value))  # type: ignore[arg-type]  # a class has a hash
    return dict(zip(names, values_of(value), strict=True))


@cache
def _fields_of(cls: type) -> tuple[tuple[str, ...], Callable[[object], tuple[Any, ...]]]:
    names = tuple(each.name for each in fields(cls))
    return names, attrgetter(*names)


def decode(row: bytes, cls: type[T], what: str) -> T:
    """The value of a row. Raises `SessionError`, which says ``what`` it is, for a damaged one."""
    try:
        return structure(_document(row, what), cls)
    except ValidationError as error:
        raise SessionError(f"{what} is damaged in its store: {error}") from error


def decode_needs(row: bytes) -> list[tuple[str, str]]:
    """The attempt of a segment's row, with each of its blobs: a sweep reads those of all."""
    document = _document(row, "a segment")
    attempt, blob_ids = document.get("attempt"), document.get("blob_ids")
    if not isinstance(attempt, str) or not isinstance(blob_ids, list):
        raise SessionError("a segment is damaged in its store: it names no attempt or no blobs")
    return [(attempt, blob_id) for blob_id in blob_ids]


def _document(row: bytes, what: str) -> dict[str, Any]:
    try:
        document: Any = json.loads(row)
        written = document.pop("format")
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        raise SessionError(f"{what} is damaged in its store") from None
    if written != _FORMAT:
        raise SessionError(
            f"{what} was written by another release (format {written}); this one reads {_FORMAT}"
        )
    found: dict[str, Any] = document
    return found


def session_key(session_id: str) -> str:
    """Of a `SessionRow`."""
    return f"session/{session_id}"


def head_key(session_id: str) -> str:
    """Of a `Head`."""
    return f"head/{session_id}"


def segment_key(session_id: str, index: int) -> str:
    """Of a `SessionSegment`; in order of their indices."""
    return f"segment/{session_id}/{index:010d}"


def state_key(session_id: str, index: int) -> str:
    """Of the JSON of a `ContinuationState`; in order of their segments."""
    return f"state/{session_id}/{index:010d}"


def claim_key(session_id: str) -> str:
    """Of a `ClaimRow`."""
    return f"claim/{session_id}"


def hold_key(hold_id: str) -> str:
    """Of a `Hold`."""
    return f"hold/{hold_id}"


def label_key(name: str, value: str, session_id: str) -> str:
    """Of an empty row: the session has this label."""
    label = json.dumps([name, value]).encode()
    return f"label/{hashlib.sha256(label).hexdigest()}/{session_id}"


def range_below(prefix: str) -> tuple[str, str]:
    """``start`` and ``stop`` of all keys that begin with ``prefix``, which ends with a slash."""
    return prefix, f"{prefix[:-1]}0"  # 0 comes right behind the slash
