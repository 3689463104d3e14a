"""One step of a session, done right: made once, kept whole, committed by one of those who try."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import closing

from attrs import evolve, field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.errors import (
    Blaming,
    Conflict,
    HoldRevoked,
    ValidationError,
)
from longtake.pipeline import Pipeline
from longtake.requests.request import GenerationRequest
from longtake.runs.asked import as_request
from longtake.runs.events import Event, Final
from longtake.runs.results import GenerationResult
from longtake.runs.run import never
from longtake.session_stores.checks import check_seconds
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord, SessionSegment, new_attempt
from longtake.sessions.attempts import Attempt, OwnBlobs, Patience
from longtake.sessions.claiming import LONGEST_WAIT, claimed
from longtake.sessions.media import BlobMedia, MadeSegment, MediaSink
from longtake.sessions.steps import (
    made_by,
    preset_of,
    request_document,
    state_digest,
    step_digest,
    versions_of,
)
from longtake.states.live import LiveState
from longtake.states.state import ContinuationState

__all__ = ["RolledSegment", "roll", "worker_name"]


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


def roll(
    sessions: SessionStore,
    session_id: str,
    request: GenerationRequest | str,
    *,
    pipeline: Pipeline,
    blobs: BlobStore | None = None,
    media: MediaSink | None = None,
    expected_revision: int | None = None,
    live: LiveState | None = None,
    cancel: Callable[[], bool] = never,
    follow: Callable[[Event], None] | None = None,
    worker: str | None = None,
    claim_seconds: float = 60.0,
    wait_seconds: float = LONGEST_WAIT,
    lease_seconds: float = 600.0,
    patience: float = 30.0,
) -> RolledSegment:
    """Roll the next segment of a session and commit it, exactly once.

    ``request``: or its prompt alone; without a state, for it goes on from the session's. Whatever
    its output says, a state is made and the sound is held back for the segment after it.
    ``blobs``: where the state's big parts are kept, and the media. ``media``: keeps the segment's
    picture and sound before it is committed; by default a `BlobMedia` when there are ``blobs``,
    else they are in the result alone. ``expected_revision``: of the session as the caller knows it;
    when the session is one segment ahead by the very same step, as after a crash or a lost answer,
    that segment comes back. ``live``: the live state of the last result, which spares decoding.
    ``cancel``: as in `Pipeline.generate`. ``follow``: is told what `Pipeline.stream` yields while
    the segment is made. ``worker``: who makes it, for the record; by default the host and the
    process. ``claim_seconds``: for which others are kept from the same work, renewed while it runs.
    ``wait_seconds``: for which another's claim is waited for at most; more than the slowest segment
    takes. ``lease_seconds``: for which its blobs may wait for the commit; what a kill leaves behind
    can be swept after it. ``patience``: seconds that a store which is away is waited for.

    Of several who roll the same segment, the others get the winner's if it was the same step, else
    `Conflict`; nothing of theirs is left. Nothing is left of one that fails or is cancelled,
    either. Raises `SessionNotFound`, `ValidationError` for what cannot be rolled, `Cancelled`,
    `SessionStoreUnavailable` when the store stayed away, and what `Pipeline.generate`, ``blobs``
    and ``media`` raise.
    """
    times = {"claim": claim_seconds, "wait": wait_seconds, "lease": lease_seconds}
    for name, seconds in times.items():
        check_seconds(seconds, f"{name}_seconds")
    waits = Patience(patience)
    session = waits.call(lambda: sessions.read(session_id))
    _check_fits(session, pipeline)
    step = _Step(sessions, session, _asked(request), pipeline, waits)
    if expected_revision is not None and session.revision != expected_revision:
        return step.committed_before(expected_revision)
    roller = _Roller(
        step=step,
        pipeline=pipeline,
        blobs=blobs,
        media=BlobMedia() if media is None and blobs is not None else media,
        worker=worker or worker_name(),
        follow=follow,
        lease_seconds=lease_seconds,
    )
    return roller.roll(live, cancel, claim_seconds, wait_seconds)


class _Step:
    """The step from one revision of a session to the next."""

    def __init__(
        self,
        sessions: SessionStore,
        session: SessionRecord,
        request: GenerationRequest,
        pipeline: Pipeline,
        patience: Patience,
    ) -> None:
        self.sessions = sessions
        self.session = session
        self.request = request
        self.patience = patience
        self.versions = versions_of(pipeline)
        self._maker = made_by(pipeline, self.versions)
        self.digest = self._after(session.last)

    def committed_before(self, expected_revision: int) -> RolledSegment:
        """What was committed from that revision by the same step. Raises `Conflict` without it."""
        session = self.session
        if session.revision == expected_revision + 1 and session.last is not None:
            index = session.last.index - 1
            before = self._segment(index) if index >= 0 else None
            if session.last.step == self._after(before):
                return RolledSegment(session=session, segment=session.last, is_new=False)
        raise Conflict(session.id, session.revision, expected_revision)

    def winners(self, conflict: Conflict) -> RolledSegment:
        """What another committed by this very step. Raises ``conflict`` when that was another."""
        segment = self._segment(self.session.num_segments)
        if segment is None or segment.step != self.digest:
            raise conflict
        session = self.patience.call(lambda: self.sessions.read(self.session.id))
        return RolledSegment(session=session, segment=segment, is_new=False)

    def check_still_next(self) -> None:
        """Raise `Conflict` when the session has changed."""
        now = self.patience.call(lambda: self.sessions.read(self.session.id))
        if now.revision != self.session.revision:
            raise Conflict(now.id, now.revision, self.session.revision)

    def _after(self, segment: SessionSegment | None) -> str:
        parent = None if segment is None else segment.state_digest
        return step_digest(self.session.id, parent, self.request, self._maker)

    def _segment(self, index: int) -> SessionSegment | None:
        found = self.patience.call(
            lambda: self.sessions.history(self.session.id, start=index, limit=1)
        )
        return found[0] if found else None


@frozen(kw_only=True, eq=False)
class _Roller:
    """Makes the segment of a step, and commits it."""

    step: _Step
    pipeline: Pipeline
    blobs: BlobStore | None
    media: MediaSink | None
    worker: str
    lease_seconds: float
    follow: Callable[[Event], None] | None

    def roll(
        self,
        live: LiveState | None,
        cancel: Callable[[], bool],
        claim_seconds: float,
        wait_seconds: float,
    ) -> RolledSegment:
        step = self.step
        claim = claimed(
            step.sessions,
            step.session.id,
            step.digest,
            holder=f"{self.worker}#{os.urandom(8).hex()}",
            for_seconds=claim_seconds,
            wait_seconds=wait_seconds,
            cancel=cancel,
        )
        try:
            with claim as waited:
                if waited:
                    step.check_still_next()
                result = self._made(live, cancel)
                try:
                    return self._committed(result)
                except HoldRevoked:
                    return self._committed(result)  # once more, with blobs that are put again
        except Conflict as conflict:
            return step.winners(conflict)

    def _made(self, live: LiveState | None, cancel: Callable[[], bool]) -> GenerationResult:
        """The segment; its state has not been written yet."""
        before = self.step.session.state
        after = None
        if before is not None:
            known = live is not None and live.document() == before
            after = live if known else self.pipeline.restore(before, blobs=self.blobs)
        if self.follow is None:
            return self.pipeline.generate(
                self.step.request, after=after, cancel=cancel, defer_state=True
            )
        events = self.pipeline.stream(
            self.step.request, after=after, cancel=cancel, defer_state=True
        )
        with closing(events):
            for event in events:
                self.follow(event)
                if isinstance(event, Final):
                    return event.result
        raise AssertionError("a stream without its end")  # it ends with a Final, or raises

    def _committed(self, result: GenerationResult) -> RolledSegment:
        """The segment with its blobs put, held, pinned, and committed; or nothing of all that."""
        own = None if self.blobs is None else OwnBlobs(self.blobs, self.lease_seconds)
        attempt = Attempt(
            self.step.sessions, own, hold_seconds=self.lease_seconds, patience=self.step.patience
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
        session = self.step.session
        committed = attempt.commit(
            lambda: self.step.sessions.advance(
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
        result, state, state_blobs = self._written(result, own)
        digest = None if state is None else state_digest(state, state_blobs, self.blobs)
        media = self._media(result, digest, own)
        new = () if own is None else own.ids
        blob_ids = dict.fromkeys([*state_blobs, *(each for each in media if each in new)])
        session = self.step.session
        segment = SessionSegment(
            index=session.num_segments,
            step=self.step.digest,
            attempt=new_attempt(),  # until its blobs are held under another
            request=request_document(self.step.request),
            state_digest=digest,
            media=media,
            blob_ids=tuple(blob_ids),
            seconds=_seconds_of(result),
            made_by=self.worker,
            versions=dict(self.step.versions),
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
        session = self.step.session
        made = MadeSegment(
            session_id=session.id,
            index=session.num_segments,
            result=result,
            state_digest=state_digest,
            begins_after=None if session.last is None else session.last.state_digest,
            family=session.family,
            preset=preset_of(self.pipeline),
            model=self.pipeline.model_fingerprint,
            versions=self.step.versions,
        )
        return tuple(self.media.keep(made, own))


def worker_name() -> str:
    """Who makes segments in this process, unless somebody says otherwise."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _asked(request: GenerationRequest | str) -> GenerationRequest:
    """The request as it is rolled. Raises `ValidationError` for one with a state of its own."""
    asked = as_request(request)
    if asked.state is not None:
        raise ValidationError("request.state", "goes on from the session's state; leave it out")
    return evolve(asked, output=evolve(asked.output, last=False, return_state=True))


def _check_fits(session: SessionRecord, pipeline: Pipeline) -> None:
    if session.family != pipeline.family.name:
        problem = f"is {session.family!r}; the pipeline is of {pipeline.family.name!r}"
        raise ValidationError("session.family", problem)
    if session.preset and session.preset != preset_of(pipeline):
        problem = f"is {session.preset!r}; the pipeline has {preset_of(pipeline)!r}: load that one"
        raise ValidationError("session.preset", problem)


def _seconds_of(result: GenerationResult) -> float:
    if len(result.frames):
        return float(len(result.frames) / result.fps)
    if result.audio is not None and result.audio_sample_rate:
        return float(result.audio.shape[-1] / result.audio_sample_rate)
    return 0.0
