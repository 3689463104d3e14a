"""One step of a session, done right: made once, kept whole, committed by one of those who try."""

from __future__ import annotations

import os
from collections.abc import Callable

from attrs import asdict, evolve, frozen

from longtake.blobs.protocol import BlobStore
from longtake.errors import Conflict, HoldRevoked, ValidationError
from longtake.pipeline import Pipeline
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.asked import as_request
from longtake.runs.events import Event
from longtake.runs.run import never
from longtake.session_stores.checks import check_revision, check_seconds, check_traceparent
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord, SessionSegment
from longtake.sessions.attempts import Patience
from longtake.sessions.claiming import LONGEST_WAIT, claimed
from longtake.sessions.fitting import accepted_versions, check_fits
from longtake.sessions.making import Once, RolledSegment, SegmentMaker, worker_name
from longtake.sessions.media import BlobMedia, MediaSink
from longtake.sessions.steps import made_by, step_digest, versions_of
from longtake.states.live import LiveState

__all__ = ["roll"]


def roll(
    sessions: SessionStore,
    session_id: str,
    request: GenerationRequest | str,
    *,
    pipeline: Pipeline,
    blobs: BlobStore | None = None,
    media: MediaSink | None = None,
    expected_revision: int | None = None,
    accept_versions: bool = False,
    live: LiveState | None = None,
    cancel: Callable[[], bool] = never,
    admit: Callable[[Job], None] | None = None,
    follow: Callable[[Event], None] | None = None,
    made: Callable[[], None] | None = None,
    worker: str | None = None,
    traceparent: str | None = None,
    claim_seconds: float = 60.0,
    wait_seconds: float = LONGEST_WAIT,
    lease_seconds: float = 600.0,
    patience: float = 30.0,
) -> RolledSegment:
    """Roll the next segment of a session and commit it, exactly once.

    ``request``: or its prompt alone; without a state, for it goes on from the session's. Whatever
    its output says, a state is made and the sound is held back for the segment after it. ``blobs``:
    where the state's big parts are kept, and the media. ``media``: keeps the segment's picture and
    sound before it is committed; by default a `BlobMedia` when there are ``blobs``, else they are
    in the result alone. ``expected_revision``: of the session as the caller knows it; when the
    session is one segment ahead by the very same step, as after a crash or a lost answer, that
    segment comes back. ``accept_versions``: go on although the session's preset has another version
    here; the segment's versions say so. ``live``: of the last result; it spares decoding.
    ``cancel``: as in `Pipeline.generate`. ``admit``: is shown the job, which leaves nothing out,
    before any network runs; what it raises refuses it. ``follow``: is told what `Pipeline.stream`
    yields while the segment is made. ``made``: is called once the pipeline has done its part.
    ``worker``: who makes it, for the record; by default the host and the process. ``traceparent``:
    of the work's trace, a W3C Trace Context; observers are told. ``claim_seconds``: for which
    others are kept from it, renewed while it runs. ``wait_seconds``: for which another's claim is
    waited for at most; more than the slowest segment takes. ``lease_seconds``: for which its blobs
    may wait for the commit; what a kill leaves behind can be swept after it. ``patience``: seconds
    that a store which is away is waited for.

    Of several who roll the same segment, the others get the winner's if it was the same step, else
    `Conflict`; nothing of theirs is left. Nothing is left of one that fails or is cancelled,
    either. Raises `SessionNotFound`, `ValidationError` for what cannot be rolled, `Cancelled`,
    `SessionStoreUnavailable` when the store stayed away, and what `Pipeline.generate`, ``blobs``
    and ``media`` raise.
    """
    check_traceparent(traceparent, "traceparent")
    times = _Times(claim_seconds, wait_seconds, lease_seconds)
    waits = Patience(patience)
    if expected_revision is not None:
        check_revision(expected_revision)
    session = waits.call(lambda: sessions.read(session_id))
    check_fits(session, pipeline, accept_versions=accept_versions)
    step = _Step(sessions, session, _asked(request), pipeline, waits)
    if expected_revision is not None and session.revision != expected_revision:
        return step.committed_before(expected_revision)
    maker = step.maker(blobs, media, admit, follow, made, worker, times, traceparent)
    return step.rolled(maker, live, cancel, times)


@frozen
class _Times:
    """Seconds, as `roll` is told them."""

    claim: float
    wait: float
    lease: float

    def __attrs_post_init__(self) -> None:
        for name, seconds in asdict(self).items():
            check_seconds(seconds, f"{name}_seconds")


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
        self.pipeline = pipeline
        self.patience = patience
        self.versions = versions_of(pipeline)
        self._made_by = made_by(pipeline, self.versions)
        self.versions |= accepted_versions(session, pipeline)
        self.digest = self._after(session.last)

    def maker(
        self,
        blobs: BlobStore | None,
        media: MediaSink | None,
        admit: Callable[[Job], None] | None,
        follow: Callable[[Event], None] | None,
        made: Callable[[], None] | None,
        worker: str | None,
        times: _Times,
        traceparent: str | None,
    ) -> SegmentMaker:
        """Who makes its segment."""
        return SegmentMaker(
            sessions=self.sessions,
            session=self.session,
            step=self.digest,
            request=self.request,
            versions=self.versions,
            pipeline=self.pipeline,
            blobs=blobs,
            media=BlobMedia() if media is None and blobs is not None else media,
            worker=worker or worker_name(),
            admit=admit,
            follow=follow,
            told_made=Once(made),
            traceparent=traceparent,
            lease_seconds=times.lease,
            patience=self.patience,
        )

    def rolled(
        self,
        maker: SegmentMaker,
        live: LiveState | None,
        cancel: Callable[[], bool],
        times: _Times,
    ) -> RolledSegment:
        """The segment, made and committed by ``maker``, or by another while this one was at it."""
        claim = claimed(
            self.sessions,
            self.session.id,
            self.digest,
            holder=f"{maker.worker}#{os.urandom(8).hex()}",
            for_seconds=times.claim,
            wait_seconds=times.wait,
            cancel=cancel,
        )
        try:
            with claim as waited:
                if waited:
                    self._check_still_next()
                result = maker.made(live, cancel)
                try:
                    return maker.committed(result)
                except HoldRevoked:
                    return maker.committed(result)  # once more, with blobs that are put again
        except Conflict as conflict:
            return self._winners(conflict)

    def committed_before(self, expected_revision: int) -> RolledSegment:
        """What was committed from that revision by the same step. Raises `Conflict` without it."""
        session = self.session
        if session.revision == expected_revision + 1 and session.last is not None:
            index = session.last.index - 1
            before = self._segment(index) if index >= 0 else None
            if session.last.step == self._after(before):
                return RolledSegment(session=session, segment=session.last, is_new=False)
        raise Conflict(session.id, session.revision, expected_revision)

    def _winners(self, conflict: Conflict) -> RolledSegment:
        """What another committed by this very step. Raises ``conflict`` when that was another."""
        segment = self._segment(self.session.num_segments)
        if segment is None or segment.step != self.digest:
            raise conflict
        session = self.patience.call(lambda: self.sessions.read(self.session.id))
        return RolledSegment(session=session, segment=segment, is_new=False)

    def _check_still_next(self) -> None:
        """Raise `Conflict` when the session has changed."""
        now = self.patience.call(lambda: self.sessions.read(self.session.id))
        if now.revision != self.session.revision:
            raise Conflict(now.id, now.revision, self.session.revision)

    def _after(self, segment: SessionSegment | None) -> str:
        parent = None if segment is None else segment.state_digest
        return step_digest(self.session.id, parent, self.request, self._made_by)

    def _segment(self, index: int) -> SessionSegment | None:
        found = self.patience.call(
            lambda: self.sessions.history(self.session.id, start=index, limit=1)
        )
        return found[0] if found else None


def _asked(request: GenerationRequest | str) -> GenerationRequest:
    """The request as it is rolled. Raises `ValidationError` for one with a state of its own."""
    asked = as_request(request)
    if asked.state is not None:
        raise ValidationError("request.state", "goes on from the session's state; leave it out")
    return evolve(asked, output=evolve(asked.output, last=False, return_state=True))
