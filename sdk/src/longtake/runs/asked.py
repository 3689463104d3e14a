"""What a run is asked for, before it has its turn and anything of it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError, shown
from longtake.requests.request import GenerationRequest
from longtake.runs.admission import Admission
from longtake.runs.prepared import PreparedRequest
from longtake.runs.resolution import Resolved
from longtake.states.live import LiveState

__all__ = ["Asked", "as_request", "asked_of"]


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
    - ``session_id``, ``traceparent``: as of `PreparedRequest`.
    """

    request: GenerationRequest
    prepare: Callable[[], PreparedRequest]
    expect: Callable[[], Resolved]
    num_segments: int | None = field(default=None, validator=_segments)
    session_id: str | None = None
    traceparent: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What those who observe the run are told of it, and ``prompts``, which they are not."""
        return {
            "prompts": (self.request.prompt, self.request.negative_prompt),
            "num_segments": self.num_segments,
            "session_id": self.session_id,
            "traceparent": self.traceparent,
        }


def as_request(request: GenerationRequest | str) -> GenerationRequest:
    """The request itself, or that of a prompt alone."""
    if isinstance(request, str):
        return GenerationRequest(request)
    if not isinstance(request, GenerationRequest):
        problem = f"is {shown(request)}; must be a longtake.GenerationRequest or a prompt"
        raise ValidationError("request", problem)
    return request


def asked_of(
    admission: Admission,
    request: GenerationRequest | PreparedRequest | str,
    after: LiveState | None,
    blobs: BlobStore | None,
    num_segments: int | None,
) -> Asked:
    """What is asked of a pipeline, whose ``admission`` prepares what is not prepared yet.

    Raises `ValidationError` for a state or a store beside a prepared request.
    """
    if isinstance(request, PreparedRequest):
        if after is not None or blobs is not None:
            raise ValidationError("request", "is prepared, with a state and store of its own")
        resolved = Resolved(request.job, request.options)
        whose = request.session_id, request.traceparent
        return Asked(request.request, lambda: request, lambda: resolved, num_segments, *whose)
    asked = as_request(request)
    return Asked(
        asked,
        lambda: admission.prepare(asked, after, blobs),
        lambda: admission.expected(asked, after),
        num_segments,
    )
