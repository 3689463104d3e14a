"""What is refused of what callers say to a session store, before its backend is asked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from attrs import Attribute

from longtake.errors import InvalidSessionId, ValidationError, shown
from longtake.schema.texts import check_texts
from longtake.states.state import ContinuationState

__all__ = [
    "check_attempt",
    "check_blob_ids",
    "check_labels",
    "check_name",
    "check_plain",
    "check_revision",
    "check_seconds",
    "check_session_id",
    "check_state",
    "check_text",
    "check_traceparent",
    "check_whole",
    "is_session_id",
]

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_LONGEST = 10 * 366 * 24 * 3600.0
"""Seconds."""
_MOST_LABELS = 64
_LONGEST_LABEL = 255
_LONGEST_NAME = 1000


def check_session_id(session_id: object) -> str:
    """``session_id`` itself. Raises `InvalidSessionId` unless it is 1 to 128 of ``A-Za-z0-9_-``."""
    if not isinstance(session_id, str) or _ID.fullmatch(session_id) is None:
        raise InvalidSessionId(
            f"session id: {shown(session_id)} is none; 1 to 128 characters of A-Z, a-z, 0-9, _ "
            "and - are one"
        )
    return session_id


def is_session_id(instance: object, attribute: Attribute[Any], value: object) -> None:
    """The validator of a field with a session's id, as `check_session_id`."""
    check_session_id(value)


def check_labels(labels: object, path: str = "labels") -> Mapping[str, str]:
    """``labels`` itself. Raises `ValidationError` unless it maps at most 64 names to texts.

    Names are not empty; names and texts have at most 255 characters.
    """
    if not isinstance(labels, Mapping) or len(labels) > _MOST_LABELS:
        raise ValidationError(path, f"must be at most {_MOST_LABELS} texts by their names")
    for name, value in labels.items():
        for what, text in (("name", name), ("value", value)):
            if not isinstance(text, str) or len(text) > _LONGEST_LABEL:
                problem = f"has the {what} {shown(text)}; must be a text of at most 255 characters"
                raise ValidationError(path, problem)
        if not name:
            raise ValidationError(path, "has a label without a name")
    check_texts(dict(labels), path)
    return labels


def check_seconds(seconds: object, path: str) -> float:
    """``seconds`` itself. Raises `ValidationError` unless it is a positive number of seconds."""
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 0 < seconds <= _LONGEST:  # type: ignore[operator]  # it is a number
        raise ValidationError(path, f"is {shown(seconds)}; must be seconds, more than 0")
    return seconds  # type: ignore[return-value]


def check_traceparent(value: object, path: str) -> None:
    """Raise `ValidationError` unless it is None or a ``traceparent`` of W3C Trace Context."""
    if value is not None and (not isinstance(value, str) or not _TRACEPARENT.fullmatch(value)):
        raise ValidationError(path, f"is {shown(value)}; must be like '00-<32 hex>-<16 hex>-01'")


def check_whole(number: object, path: str, low: int, high: int | None = None) -> int:
    """``number`` itself. Raises `ValidationError` unless it is an integer from low to high."""
    if type(number) is not int or number < low or (high is not None and number > high):
        to = "" if high is None else f" to {high}"
        raise ValidationError(path, f"is {shown(number)}; must be an integer from {low}{to}")
    return number


def check_revision(revision: object) -> int:
    """``revision`` itself. Raises `ValidationError` unless a session can be at it."""
    return check_whole(revision, "expected_revision", 0)


def check_text(text: object, path: str) -> str:
    """``text`` itself. Raises `ValidationError` unless it is a text of at most 1,000 characters."""
    if not isinstance(text, str) or len(text) > _LONGEST_NAME:
        problem = f"is {shown(text)}; must be a text of at most {_LONGEST_NAME} characters"
        raise ValidationError(path, problem)
    check_texts(text, path)
    return text


def check_name(name: object, path: str) -> str:
    """``name`` itself. Raises `ValidationError` unless it is such a text, and not empty."""
    if name == "":
        raise ValidationError(path, "is empty; must be a text that names it")
    return check_text(name, path)


def check_attempt(attempt: object) -> str:
    """``attempt`` itself. Raises `ValidationError` unless it names one."""
    return check_name(attempt, "attempt")


def check_blob_ids(blob_ids: object, path: str = "blob_ids") -> tuple[str, ...]:
    """``blob_ids`` as a tuple. Raises `ValidationError` unless they are a list of names."""
    if not isinstance(blob_ids, list | tuple):
        raise ValidationError(path, f"is {shown(blob_ids)}; must be a list of blob ids")
    return tuple(check_name(each, f"{path}[{index}]") for index, each in enumerate(blob_ids))


def check_plain(document: object, path: str) -> None:
    """Raises `ValidationError` unless ``document`` is plain JSON, whose values come back as such.

    Tuples are taken for lists.
    """
    check_texts(document, path)
    seen: set[int] = set()
    todo = [document]
    while todo:
        each = todo.pop()
        if isinstance(each, dict | list | tuple):
            if id(each) not in seen:  # what contains itself is found when it is written
                seen.add(id(each))
                todo += each.values() if isinstance(each, dict) else each
                names = each if isinstance(each, dict) else ()
                _refuse([name for name in names if not isinstance(name, str)], path)
        elif isinstance(each, float):
            _refuse([] if math.isfinite(each) else [each], path)
        elif each is not None and not isinstance(each, str | int):
            _refuse([each], path)


def _refuse(wrong: list[object], path: str) -> None:
    if wrong:
        raise ValidationError(path, f"has {shown(wrong[0])}, which JSON has no way to say")


def check_state(state: object) -> ContinuationState | None:
    """``state`` itself. Raises `ValidationError` unless it is a state or None."""
    if state is not None and not isinstance(state, ContinuationState):
        raise ValidationError("state", f"is {shown(state)}; must be a ContinuationState or None")
    return state
