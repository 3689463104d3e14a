"""Making the segment of a step, and committing it: its blobs, its media, its record."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial

from attrs import define, evolve, field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.errors import Blaming
from longtake.pipeline import Pipeline
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.events import Event, Final
from longtake.runs.results import GenerationResult
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord, SessionSegment, new_attempt
from longtake.sessions.attempts import Attempt, OwnBlobs, Patience
from longtake.sessions.media import MadeSegment, MediaSink, may_finish
from longtake.sessions.steps import preset_of, request_document, state_digest
from longtake.states.live import LiveState
from longtake.states.state import ContinuationState

__all__ = ["Once", "RolledSegment", "SegmentMaker", "worker_name"]


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


@frozen(kw_only=True, eq=False)
class SegmentMaker:
    """Makes the segment after a session's last, and commits it.

    ``step``: its digest. ``request``: as it is rolled. ``versions``: what makes it. ``admit``: is
    shown the job before it runs. ``follow``: is told the events of the run. ``told_made``: is told
    that the pipeline has done its part. The others are as in `longtake.roll`.
    """

    sessions: SessionStore
    session: SessionRecord
    step: str
    request: GenerationRequest
    versions: Mapping[str, str]
    pipeline: Pipeline
    blobs: BlobStore | None
    media: MediaSink | None
    worker: str
    admit: Callable[[Job], None] | None
    follow: Callable[[Event], None] | None
    told_made: Once
    traceparent: str | None
    lease_seconds: float
    patience: Patience

    def made(self, live: LiveState | None, cancel: Callable[[], bool]) -> GenerationResult:
        """The segment; its state has not been written yet."""
        before = self.session.state
        after = None
        if before is not None:
            known = live is not None and live.document() == before
            after = live if known else self.pipeline.restore(before, blobs=self.blobs)
        checked = self.pipeline.check(self.request, after=after)
        prepared = evolve(checked, session_id=self.session.id, traceparent=self.traceparent)
        if self.admit is not None:
            self.admit(prepared.job)
        if self.follow is None:
            return self.pipeline.generate(prepared, cancel=cancel, defer_state=True)
        events = self.pipeline.stream(prepared, cancel=cancel, defer_state=True)
        with closing(events):
            for event in events:
                self.follow(event)
                if isinstance(event, Final):
                    return event.result
        raise AssertionError("a stream without its end")  # it ends with a Final, or raises

    def committed(self, result: GenerationResult) -> RolledSegment:
        """The segment with its blobs put, held, pinned, and committed; or nothing of all that.

        Raises `HoldRevoked` when a sweep was faster, and what the stores raise.
        """
        own = None if self.blobs is None else OwnBlobs(self.blobs, self.lease_seconds)
        attempt = Attempt(
            self.sessions, own, hold_seconds=self.lease_seconds, patience=self.patience
        )
        try:
            result, state, segment = self._kept(result, own)
            attempt.take(segment.blob_ids)
        except BaseException:
            attempt.abandon()
            raise
        return self._advanced(evolve(segment, attempt=attempt.id), state, result, attempt)

    def _advanced(
        self,
        segment: SessionSegment,
        state: ContinuationState | None,
        result: GenerationResult,
        attempt: Attempt,
    ) -> RolledSegment:
        session = self.session
        committed = attempt.commit(
            lambda: self.sessions.advance(
                session.id, session.revision, segment, state, hold=attempt.hold
            )
        )
        after = evolve(
            session,
            revision=session.revision + 1,
            num_segments=session.num_segments + 1,
            last=committed,
            state=state,
        )
        return RolledSegment(session=after, segment=committed, result=result, is_new=True)

    def _kept(
        self, result: GenerationResult, own: OwnBlobs | None
    ) -> tuple[GenerationResult, ContinuationState | None, SessionSegment]:
        """The state written and the media kept, in blobs that nothing refers to yet."""
        if not (self.pipeline.family.finish and may_finish(self.media)):
            self.told_made()
        result, state, state_blobs = self._written(result, own)
        digest = None if state is None else state_digest(state, state_blobs, self.blobs)
        media = self._media(result, digest, own)
        self.told_made()
        new = () if own is None else own.ids
        blob_ids = dict.fromkeys([*state_blobs, *(each for each in media if each in new)])
        session = self.session
        segment = SessionSegment(
            index=session.num_segments,
            step=self.step,
            attempt=new_attempt(),  # until its blobs are held under another
            request=request_document(self.request),
            state_digest=digest,
            media=media,
            blob_ids=tuple(blob_ids),
            seconds=_seconds_of(result),
            made_by=self.worker,
            versions=dict(self.versions),
        )
        return result, state, segment

    def _written(
        self, result: GenerationResult, own: OwnBlobs | None
    ) -> tuple[GenerationResult, ContinuationState | None, Sequence[str]]:
        """The result with its state written, the state, and the ids of its blobs."""
        if result.live_state is None:
            return result, None, ()
        codec = self.pipeline.family.codec(result.live_state.kind)
        assert codec is not None  # it has been used to make the result
        with Blaming(f"the codec of {codec.kind!r}"):
            value = result.live_state.value()
            state = codec.encode(value, own)
            blob_ids = codec.blob_ids(state)
        live = LiveState(
            codec,
            self.blobs,
            value=value,
            document=state,
            allows_other_model=result.live_state.allows_other_model,
        )
        return evolve(result, live_state=live), state, blob_ids

    def _media(
        self, result: GenerationResult, state_digest: str | None, own: OwnBlobs | None
    ) -> tuple[str, ...]:
        if self.media is None:
            return ()
        session = self.session
        made = MadeSegment(
            session_id=session.id,
            index=session.num_segments,
            result=result,
            state_digest=state_digest,
            begins_after=None if session.last is None else session.last.state_digest,
            finish=self._finish(result.live_state),
            family=session.family,
            preset=preset_of(self.pipeline),
            model=self.pipeline.model_fingerprint,
            versions=self.versions,
        )
        return tuple(self.media.keep(made, own))

    def _finish(self, live: LiveState | None) -> Callable[[], GenerationResult] | None:
        if live is None or not self.pipeline.family.finish:
            return None
        return partial(self._finished, live)

    def _finished(self, live: LiveState) -> GenerationResult:
        try:
            return self.pipeline.finish(live, blobs=self.blobs)
        finally:
            self.told_made()


def worker_name() -> str:
    """Who makes segments in this process, unless somebody says otherwise."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _seconds_of(result: GenerationResult) -> float:
    if len(result.frames):
        return float(len(result.frames) / result.fps)
    if result.audio is not None and result.audio_sample_rate:
        return float(result.audio.shape[-1] / result.audio_sample_rate)
    return 0.0
