"""Making a segment of a session: from the state before it to a result that nobody has kept yet."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TypeVar

from attrs import define, evolve, field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.pipeline import Pipeline
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.events import Event
from longtake.runs.results import GenerationResult
from longtake.session_stores.checks import check_traceparent
from longtake.session_stores.records import SessionRecord, SessionSegment
from longtake.states.live import LiveState
from longtake.states.state import ContinuationState

__all__ = ["Once", "RolledSegment", "SegmentMaker", "worker_name"]

T = TypeVar("T")


@frozen(kw_only=True, eq=False)
class RolledSegment:
    """A committed segment, and the session with it.

    - ``session``: as the commit left it; as it is now when the segment was there already.
    - ``result``: its frames and sound; None when the segment was committed before.
    - ``is_new``: whether this very call committed it.
    """

    session: SessionRecord
    segment: SessionSegment
    result: GenerationResult | None = field(default=None, repr=False)
    is_new: bool


@define(eq=False)
class Once:
    """Calls what it stands for the first time that it is called itself."""

    _call: Callable[[], None] | None

    def __call__(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


def _in_the_same(what: Callable[[], T]) -> T:
    return what()


@frozen(eq=False)
class SegmentMaker:
    """Makes segments of the session ``session_id``. Raises `ValidationError` for a bad traceparent.

    ``admit``: is shown the job before it runs. ``follow``: is told the events of the run. The
    others are as in `longtake.roll`. ``in_thread``: does what computes in the thread where it is to
    be done, by default the caller's own, and waits for it.
    """

    session_id: str
    pipeline: Pipeline
    blobs: BlobStore | None
    admit: Callable[[Job], None] | None
    follow: Callable[[Event], None] | None
    traceparent: str | None
    in_thread: Callable[[Callable[[], GenerationResult]], GenerationResult] = _in_the_same

    def __attrs_post_init__(self) -> None:
        check_traceparent(self.traceparent, "traceparent")

    def restored(self, state: ContinuationState | None, live: LiveState | None) -> LiveState | None:
        """``state``, read only if it is not that of ``live``; None before the first segment."""
        if state is None:
            return None
        known = live is not None and live.document() == state
        return live if known else self.pipeline.restore(state, blobs=self.blobs)

    def made(
        self, request: GenerationRequest, after: LiveState | None, cancel: Callable[[], bool]
    ) -> GenerationResult:
        """The segment behind the state ``after``; its own state has not been written yet."""
        checked = self.pipeline.check(request, after=after)
        prepared = evolve(checked, session_id=self.session_id, traceparent=self.traceparent)
        if self.admit is not None:
            self.admit(prepared.job)
        return self.pipeline.generate(prepared, cancel=cancel, defer_state=True, follow=self.follow)


def worker_name() -> str:
    """Who makes segments in this process, unless somebody says otherwise."""
    return f"{socket.gethostname()}:{os.getpid()}"
