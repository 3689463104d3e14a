"""How much a tenant may ask for, and what is said to who asks for more."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from attrs import Attribute, field, frozen

import longtake as lt

__all__ = [
    "LimitExceeded",
    "ServeLimits",
    "check_count",
    "check_depth",
    "check_import",
    "check_request",
    "check_upload",
]


_DEEPEST = 32


class LimitExceeded(lt.ValidationError):
    """More was asked for than this server allows. ``path`` is of the field that is too much."""


def _positive(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 1:
        raise lt.ValidationError(attribute.name, f"is {value!r}; must be an integer from 1")


@frozen(kw_only=True)
class ServeLimits:
    """What a server allows at most. Raises `longtake.ValidationError` unless all are at least 1.

    - ``sessions``: takes of one tenant. ``queue``: requests of one take that are open.
      ``segments``: of one take, with those that wait.
    - ``body_bytes``: of a request's body. ``upload_bytes``: of a session that is imported.
    - ``pixels``: height times width of one frame. ``prompt_characters``: of a prompt, and of a
      negative one.
    - ``connections``: of all clients together; who comes then is told to come back.
    """

    sessions: int = field(default=200, validator=_positive)
    queue: int = field(default=16, validator=_positive)
    segments: int = field(default=10_000, validator=_positive)
    body_bytes: int = field(default=16 * 2**20, validator=_positive)
    upload_bytes: int = field(default=2**30, validator=_positive)
    pixels: int = field(default=1920 * 1088, validator=_positive)
    prompt_characters: int = field(default=4_000, validator=_positive)
    connections: int = field(default=800, validator=_positive)


def check_count(takes: int, limits: ServeLimits) -> None:
    """Raise `LimitExceeded` when a tenant who has so many takes may have no more."""
    if takes >= limits.sessions:
        problem = f"would be more than {limits.sessions}; delete one that is not needed"
        raise LimitExceeded("sessions", problem)


def check_upload(path: str | os.PathLike[str], limits: ServeLimits) -> None:
    """Raise `LimitExceeded` for a file that is too big to be imported."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0  # importing says what is wrong
    if size > limits.upload_bytes:
        problem = f"has {size} bytes; at most {limits.upload_bytes} are taken"
        raise LimitExceeded("file", problem)


def check_import(record: lt.SessionRecord, family: str, limits: ServeLimits) -> None:
    """Raise `LimitExceeded`, or `longtake.ValidationError` for a take of another family."""
    if record.family != family:
        problem = f"is {record.family!r}; this server rolls takes of {family!r}"
        raise lt.ValidationError("session.family", problem)
    if record.num_segments > limits.segments:
        problem = f"are {record.num_segments}; at most {limits.segments} are taken"
        raise LimitExceeded("segments", problem)


def check_depth(document: object) -> None:
    """Raise `LimitExceeded` for a document that is nested deeper than any that means something."""
    level = [document]
    for _ in range(_DEEPEST):
        level = [value for each in level for value in _values_of(each)]
        if not level:
            return
    raise LimitExceeded("", f"is nested more than {_DEEPEST} deep; no request is")


def _values_of(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def check_request(request: lt.GenerationRequest, limits: ServeLimits) -> None:
    """Raise `LimitExceeded`, or `longtake.ValidationError` for a request with a state."""
    if request.state is not None:
        raise lt.ValidationError("state", "is the take's own here; leave it out")
    for path, text in (("prompt", request.prompt), ("negative_prompt", request.negative_prompt)):
        if text is not None and len(text) > limits.prompt_characters:
            problem = f"has {len(text)} characters; at most {limits.prompt_characters} are taken"
            raise LimitExceeded(path, problem)
    height, width = request.sampling.height, request.sampling.width
    pixels = (height or 1) * (width or 1)  # what is left out is the preset's
    if pixels > limits.pixels:
        problem = f"makes {pixels} pixels a frame; at most {limits.pixels} are drawn"
        raise LimitExceeded(f"sampling.{'width' if height is None else 'height'}", problem)
