"""Reading documents that may be damaged: refused with the documented errors, or kept."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from attrs import frozen

import longtake as lt
from longtake.testing.codecs.wrong_values import Damaged, at

__all__ = ["Reader", "is_refusal", "refusal_of"]

_SHOWN = 160


@frozen
class Reader:
    """Reads with ``codec``; ``same``: whether two typed states are the same."""

    codec: lt.ContinuationCodec[Any]
    same: Callable[[Any, Any], bool]

    def state(self, payload: Any) -> lt.ContinuationState:
        """A state of the codec's kind."""
        return lt.ContinuationState(self.codec.kind, payload)

    def complaint(
        self, damaged: Damaged, original: Any, blobs: lt.BlobStore | None = None
    ) -> str | None:
        """What is wrong with what became of a damaged document; None when all is well.

        ``original``: the typed state of the document as it was.
        """
        value = read(self.codec, self.state(damaged.payload), blobs)
        if isinstance(value, Failed):
            return value.complaint
        again = self._written_again(value)
        if isinstance(again, str):
            return again
        if damaged.change.startswith("is ") and not self.same(value, original):
            wanted = at(damaged.payload, damaged.place)
            if wanted is not None and not _is_kept(wanted, again, damaged):
                return "is accepted and read as something else; refuse it"
        return None

    def refused(self, payload: Any, blobs: lt.BlobStore | None = None) -> str | None:
        """None when the document is refused as documented, else what is wrong."""
        value = read(self.codec, self.state(payload), blobs)
        return value.complaint if isinstance(value, Failed) else "is accepted; refuse it"

    def _written_again(self, value: Any) -> Any:
        """The payload that an accepted state is written as, or a complaint."""
        state = attempt(lambda: self.codec.encode(value))
        text = attempt(lambda: state.to_json()) if not isinstance(state, Failed) else state
        if isinstance(text, Failed):
            return f"is accepted, but cannot be written again: {text.text}"
        parsed = lt.ContinuationState.from_json(text)
        again = read(self.codec, parsed, None)
        if isinstance(again, Failed):
            return f"is accepted and written again, but not read then: {again.text}"
        if not self.same(again, value):
            return "is accepted, and another state when it is written and read again"
        return parsed.payload


@frozen
class Failed:
    """Something was raised. ``complaint``: None for a documented refusal."""

    error: Exception

    @property
    def text(self) -> str:
        """The error in one line."""
        return f"{type(self.error).__name__}: {self.error}"[:_SHOWN]

    @property
    def complaint(self) -> str | None:
        if is_refusal(self.error):
            return None
        if isinstance(self.error, lt.ValidationError):
            return f"is refused with the path {self.error.path!r}, which must begin with 'state'"
        return f"raises {self.text}"


def attempt(work: Callable[[], Any]) -> Any:
    """What ``work`` returns, or that it failed."""
    try:
        return work()
    except Exception as error:  # isolation: which error it is, is what the test is about
        return Failed(error)


def read(
    codec: lt.ContinuationCodec[Any], state: lt.ContinuationState, blobs: lt.BlobStore | None
) -> Any:
    """The typed state, or that decoding failed."""
    return attempt(lambda: codec.decode(state, blobs))


def is_refusal(error: BaseException) -> bool:
    """Whether ``error`` is what `longtake.ContinuationCodec.decode` may raise."""
    if isinstance(error, lt.ValidationError):
        return error.path == "state" or error.path.startswith(("state.", "state["))
    return isinstance(error, lt.BlobError)


def refusal_of(
    codec: lt.ContinuationCodec[Any], state: lt.ContinuationState, blobs: lt.BlobStore | None = None
) -> Exception | None:
    """The error of decoding ``state``, or None."""
    value = read(codec, state, blobs)
    return value.error if isinstance(value, Failed) else None


def _is_kept(wanted: Any, payload: Any, damaged: Damaged) -> bool:
    """Whether the payload that was written again says ``wanted`` where it stood."""
    try:
        found = at(payload, damaged.place)
    except (LookupError, TypeError):
        return False
    return _means(wanted, found)


def _means(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(wanted, int | float) and isinstance(found, int | float):
        both_whole = isinstance(wanted, int) and isinstance(found, int)
        return wanted == found if both_whole else float(wanted) == float(found)
    if isinstance(wanted, int | float) and isinstance(found, str):  # a ratio, e.g. "15/2"
        try:
            return abs(Fraction(found) - Fraction(wanted)) <= abs(Fraction(wanted)) / 10**9
        except (ValueError, ZeroDivisionError):
            return False
    return bool(wanted == found)
