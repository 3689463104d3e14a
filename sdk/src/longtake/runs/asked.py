"""What a run is asked for, before it has its turn and anything of it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from longtake.errors import ValidationError, shown
from longtake.requests.request import GenerationRequest
from longtake.runs.prepared import PreparedRequest
from longtake.runs.resolution import Resolved

__all__ = ["Asked", "as_request"]


def _segments(instance: Any, attribute: Any, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        problem = f"is {shown(value)}; must be a number of segments from 1 on, or None"
        raise ValidationError("num_segments", problem)


@frozen
class Asked:
    """A request and the way that it takes.

    - ``prepare``: makes it a prepared one; called once it has its turn.
    - ``expect``: resolves it as far as that is cheap, which reads no state; may raise.
    - ``num_segments``: of its take; None where the caller does not say.
    """

    request: GenerationRequest
    prepare: Callable[[], PreparedRequest]
    expect: Callable[[], Resolved]
    num_segments: int | None = field(default=None, validator=_segments)


def as_request(request: GenerationRequest | str) -> GenerationRequest:
    """The request itself, or that of a prompt alone."""
    if isinstance(request, str):
        return GenerationRequest(request)
    if not isinstance(request, GenerationRequest):
        problem = f"is {shown(request)}; must be a longtake.GenerationRequest or a prompt"
        raise ValidationError("request", problem)
    return request
