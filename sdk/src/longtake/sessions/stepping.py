"""The steps of a session: what one call of `roll` does them with, and each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import asdict, evolve, field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.errors import Conflict, ValidationError
from longtake.requests.request import GenerationRequest
from longtake.runs.asked import as_request
from longtake.runs.results import GenerationResult
from longtake.session_stores.checks import check_seconds
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord, SessionSegment
from longtake.sessions.attempts import Patience
from longtake.sessions.claiming import CLAIM_SECONDS, LONGEST_WAIT, HeldClaim, claimed
from longtake.sessions.fitting import accepted_versions, check_fits
from longtake.sessions.keeping import SegmentKeeper
from longtake.sessions.making import Once, RolledSegment, SegmentMaker, worker_name
from longtake.sessions.media import BlobMedia, MediaSink
from longtake.sessions.steps import made_by, step_digest, versions_of
from longtake.states.live import LiveState

__all__ = ["LEASE_SECONDS", "Rolling", "Step", "Times", "as_rolled"]

LEASE_SECONDS = 600.0
"""For how long what is put may wait for its commit, unless somebody says otherwise."""


@frozen
class Times:
    """Seconds, as `roll` is told them, or those that it has by default."""

    claim: float = CLAIM_SECONDS
    wait: float = LONGEST_WAIT
    lease: float = LEASE_SECONDS

    def __attrs_post_init__(self) -> None:
        for name, seconds in asdict(self).items():
            check_seconds(seconds, f"{name}_seconds")


def _named(worker: str | None) -> str:
    return worker or worker_name()


@frozen(eq=False)
class Rolling:
    """What the steps of one call have in common; the fields are as in `longtake.roll`.

    ``maker``: makes the segments.
    """

    sessions: SessionStore
    maker: SegmentMaker
    media: MediaSink | None
    accept_versions: bool
    worker: str = field(converter=_named)
    times: Times
    patience: Patience

    @property
    def sink(self) -> MediaSink | None:
        """Where the segments are kept; None: in their results alone."""
        return BlobMedia() if self.media is None and self.blobs is not None else self.media

    @property
    def blobs(self) -> BlobStore | None:
        """Where the states' big parts are kept, and the media."""
        return self.maker.blobs

    def session(self) -> SessionRecord:
        """The session as it is now. Raises `ValidationError` when the pipeline does not fit it."""
        session = self.patience.call(lambda: self.sessions.read(self.maker.session_id))
        check_fits(session, self.maker.pipeline, accept_versions=self.accept_versions)
        return session

    def segments(self, start: int, count: int) -> list[SessionSegment]:
        """Those of ``count`` segments from number ``start`` on that there are."""
        session_id = self.maker.session_id
        return list(
            self.patience.call(lambda: self.sessions.history(session_id, start=start, limit=count))
        )


class Step:
    """The step from one revision of a session to the next, as ``session`` and ``request`` say."""

    def __init__(
        self, rolling: Rolling, session: SessionRecord, request: GenerationRequest
    ) -> None:
        self.session = session
        self.request = request
        self._rolling = rolling
        pipeline = rolling.maker.pipeline
        versions = versions_of(pipeline)
        self._made_by = made_by(pipeline, versions)
        self._versions = versions | accepted_versions(session, pipeline)
        self.digest = self._after(session.last)

    def rolled(
        self,
        live: LiveState | None,
        cancel: Callable[[], bool],
        told_made: Callable[[], None] | None,
    ) -> RolledSegment:
        """The segment, made and committed here, or by another while this one was at it."""
        try:
            with self.claimed(cancel):
                return self.committed(self.made(live, cancel), told_made)
        except Conflict as conflict:
            return self.winners(conflict)

    @contextmanager
    def claimed(self, cancel: Callable[[], bool]) -> Iterator[HeldClaim]:
        """Have the claim on the step. Raises `Conflict` when the session went on meanwhile."""
        rolling = self._rolling
        claim = claimed(
            rolling.sessions,
            self.session.id,
            self.digest,
            holder=f"{rolling.worker}#{os.urandom(8).hex()}",
            for_seconds=rolling.times.claim,
            wait_seconds=rolling.times.wait,
            cancel=cancel,
        )
        with claim as held:
            if held.waited:
                self._check_still_next()
            yield held

    def made(self, live: LiveState | None, cancel: Callable[[], bool]) -> GenerationResult:
        """Its segment, which nobody has kept yet. ``live``: as of `roll`."""
        maker = self._rolling.maker

        def make() -> GenerationResult:
            return maker.made(self.request, maker.restored(self.session.state, live), cancel)

        return maker.in_thread(make)

    def committed(
        self, result: GenerationResult, told_made: Callable[[], None] | None
    ) -> RolledSegment:
        """Its segment, kept and committed, or nothing of it. Raises what the stores raise."""
        rolling = self._rolling
        keeper = SegmentKeeper(
            sessions=rolling.sessions,
            session=self.session,
            step=self.digest,
            request=self.request,
            versions=self._versions,
            pipeline=rolling.maker.pipeline,
            in_thread=rolling.maker.in_thread,
            blobs=rolling.blobs,
            media=rolling.sink,
            worker=rolling.worker,
            told_made=Once(told_made),
            lease_seconds=rolling.times.lease,
            patience=rolling.patience,
        )
        return keeper.committed(result)

    def committed_before(self, expected_revision: int) -> RolledSegment:
        """What was committed from that revision by the same step. Raises `Conflict` without it."""
        session = self.session
        if session.revision != expected_revision + 1 or session.last is None:
            raise Conflict(session.id, session.revision, expected_revision)
        return self.found(session.last.index, expected_revision)

    def found(self, index: int, expected_revision: int) -> RolledSegment:
        """Segment ``index``, if it was committed by the same step. Raises `Conflict` if not."""
        around = {each.index: each for each in self._rolling.segments(max(0, index - 1), 2)}
        segment = around.get(index)
        if segment is None or segment.step != self._after(around.get(index - 1)):
            raise Conflict(self.session.id, self.session.revision, expected_revision)
        return RolledSegment(session=self.session, segment=segment, is_new=False)

    def winners(self, conflict: Conflict) -> RolledSegment:
        """What another committed by this very step. Raises ``conflict`` when that was another."""
        found = self._rolling.segments(self.session.num_segments, 1)
        if not found or found[0].step != self.digest:
            raise conflict
        session = self._rolling.session()
        return RolledSegment(session=session, segment=found[0], is_new=False)

    def _check_still_next(self) -> None:
        now = self._rolling.session()
        if now.revision != self.session.revision:
            raise Conflict(now.id, now.revision, self.session.revision)

    def _after(self, segment: SessionSegment | None) -> str:
        parent = None if segment is None else segment.state_digest
        return step_digest(self.session.id, parent, self.request, self._made_by)


def as_rolled(request: GenerationRequest | str) -> GenerationRequest:
    """The request as it is rolled. Raises `ValidationError` for one with a state of its own."""
    asked = as_request(request)
    if asked.state is not None:
        raise ValidationError("request.state", "goes on from the session's state; leave it out")
    return evolve(asked, output=evolve(asked.output, last=False, return_state=True))
