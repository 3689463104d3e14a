"""The state of a take: what the next segment needs, as a small, versioned, portable value."""

from __future__ import annotations

import json
import re
from functools import cache
from hashlib import sha256
from typing import Any, Protocol, TypeVar, runtime_checkable

from attrs import field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError, sayable, shown
from longtake.schema.texts import check_texts
from longtake.states.budget import check_written, read_json

__all__ = [
    "ContinuationCodec",
    "ContinuationState",
    "StatePart",
    "StateSummary",
    "SupportsModelFingerprint",
    "SupportsSummary",
    "canonical_json",
]

T = TypeVar("T")


@frozen
class ContinuationState:
    """Everything that the next segment of a take needs, as plain JSON.

    ``kind`` names the codec that wrote it (``"ltx2.v1"``); ``payload`` belongs to that codec. Big
    tensors are inline in the payload or in a `BlobStore`, referred to by id.
    """

    kind: str
    payload: dict[str, Any] = field(repr=False)

    def __repr__(self) -> str:
        fields = ", ".join(map(str, self.payload)) if isinstance(self.payload, dict) else "damaged"
        return sayable(f"<ContinuationState {self.kind!r}: {fields or 'empty'}>")

    def to_json(self, *, indent: int | None = None) -> str:
        """One JSON object ``{"kind": ..., "payload": {...}}``."""
        return _dumped(self._document(), indent=indent)

    def digest(self) -> str:
        """``sha256:`` and the hash of the state as canonical JSON: equal states have one digest.

        Canonical: sorted keys, no spaces, ASCII.
        """
        return f"sha256:{sha256(canonical_json(self._document()).encode()).hexdigest()}"

    def _document(self) -> dict[str, Any]:
        return {"kind": self.kind, "payload": self.payload}

    @classmethod
    def from_json(cls, text: str | bytes) -> ContinuationState:
        """The inverse of `to_json`.

        Raises `ValidationError` for anything but one object with a string ``kind`` and an object
        ``payload``, and for one of more values than a `StateBudget` has room for. What the payload
        holds is checked by its codec.
        """
        from longtake.schema.wire import structure

        try:
            document = read_json(text, parse_constant=_refuse_constant)
        except ValidationError as error:
            raise ValidationError("", f"the state {error.problem}") from None
        except (TypeError, ValueError, RecursionError) as error:
            raise ValidationError("", f"the state is not a JSON document: {error}") from None
        if _may_have_surrogates(text):
            check_texts(document, "")
        payload = document.get("payload") if isinstance(document, dict) else None
        if not isinstance(payload, dict):
            return structure(document, cls)  # which says what is wrong
        outline = structure({**document, "payload": {}}, cls)
        return cls(outline.kind, payload)  # JSON as it was read, which need not be walked again


def _may_have_surrogates(text: str | bytes) -> bool:
    """Whether a text in the JSON may be no Unicode: told without reading it value by value."""
    escape = "\\u" if isinstance(text, str) else b"\\u"
    return not text.isascii() or escape in text  # type: ignore[operator]  # of its own type


def canonical_json(document: dict[str, Any]) -> str:
    """``document`` as JSON with sorted keys, no spaces, ASCII: different documents have others.

    Numbers are as Python writes them: integers whole, floats by the shortest text that gives them
    back, always with a dot or an exponent. Raises `ValidationError` for what is not plain JSON.
    """
    return _dumped(document, separators=(",", ":"))


def _dumped(
    document: dict[str, Any], indent: int | None = None, separators: tuple[str, str] | None = None
) -> str:
    try:
        text = _encoder(indent, separators).encode(document)
    except (TypeError, ValueError, RecursionError) as error:
        check_texts(document, "")
        _check_keys(document)
        raise ValidationError("payload", f"is not plain JSON: {error}") from None
    if "\\ud" in text:  # half of a surrogate pair, perhaps
        check_texts(document, "")
    if _OF_NO_TEXT.search(text):
        _check_keys(document)
    check_written(document, text, "payload")
    return text


@cache
def _encoder(indent: int | None, separators: tuple[str, str] | None) -> json.JSONEncoder:
    return json.JSONEncoder(sort_keys=True, allow_nan=False, indent=indent, separators=separators)


_OF_NO_TEXT = re.compile(r'"(?:-?(?:[0-9][^"]*|Infinity)|NaN|true|false|null)":')
"""A key as JSON writes one that is a number, a truth value or None."""


def _check_keys(document: object) -> None:
    """Refuse keys that are no texts: JSON would write 1 and "1" alike."""
    seen, left = set(), [document]
    while left:
        each = left.pop()
        if isinstance(each, dict | list | tuple) and id(each) not in seen:
            seen.add(id(each))
            if isinstance(each, dict):
                for key in each:
                    if not isinstance(key, str):
                        problem = f"is not plain JSON: the key {shown(key)} is no text"
                        raise ValidationError("payload", problem)
                left += each.values()
            else:
                left += each


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class ContinuationCodec(Protocol[T]):
    """Reads and writes the states of one ``kind``.

    A kind names a wire format, which never changes: other fields, or another meaning of one, are
    another kind with a codec of its own. All codecs of a family share one typed state, so what one
    has read another can write. A ``schema_version`` in the payload is a constant of its kind.

    ``state_type`` is the family's typed state: an attrs class that has the properties
    ``segment_index`` (of the segment just completed) and ``take_defaults`` (the sampling fields
    that the take fixes, such as ``{"height": 512, "width": 768}``). Stages ask for it by this type.
    """

    @property
    def kind(self) -> str:
        """The ``kind`` of its `ContinuationState`."""
        ...

    @property
    def state_type(self) -> type[T]:
        """The typed state."""
        ...

    def encode(self, value: T, blobs: BlobStore | None = None) -> ContinuationState:
        """Write ``value``; parts above the codec's threshold go to ``blobs`` when it is given.

        Raises `ValidationError` for a state that this kind cannot say, so that nothing is lost.
        """
        ...

    def decode(self, state: ContinuationState, blobs: BlobStore | None = None) -> T:
        """Read a state that may come from anywhere.

        Sizes, counts and shapes are bounded before anything is allocated. Raises
        `ValidationError` with the path of the wrong field for everything it refuses.
        """
        ...

    def blob_ids(self, state: ContinuationState) -> tuple[str, ...]:
        """The ids of the blobs that ``state`` refers to."""
        ...


@runtime_checkable
class SupportsModelFingerprint(Protocol):
    """Optional power of a typed state: to say which model it is of.

    The stage that makes the state takes it from the `Run`, and the codec writes it. A take then
    goes on only with that model, unless the caller allows another; a state that says None, as those
    from before the family had this power, goes on with any. In a state that `AttrsCodec` writes it
    is a field like any other, so that a family which adds it to a kind that is in use makes a new
    kind.
    """

    @property
    def model_fingerprint(self) -> str | None:
        """What the `LoadedModel` said of it; None when that is not known."""
        ...


@frozen
class StatePart:
    """One part of a state: what it is, where its bytes are, how many, and a word about them."""

    name: str
    where: str
    num_bytes: int | None
    detail: str


@frozen
class StateSummary:
    """What ``longtake inspect`` shows of a state.

    ``schema_version`` and ``segment_index`` are None where they are not known. ``frames`` are the
    carried frames, each uint8 ``[H, W, 3]`` RGB.
    """

    schema_version: int | None
    segment_index: int | None
    parts: tuple[StatePart, ...]
    frames: tuple[Any, ...] = field(default=(), repr=False)


@runtime_checkable
class SupportsSummary(Protocol):
    """Optional power of a codec: to say what is in a state."""

    def summarize(self, state: ContinuationState, blobs: BlobStore | None = None) -> StateSummary:
        """The contents of ``state``. Raises like `ContinuationCodec.decode`."""
        ...
