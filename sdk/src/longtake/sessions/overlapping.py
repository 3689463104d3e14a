"""Steps of one session after another: each segment is made while the one before it is kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

from attrs import evolve

from longtake.blobs.protocol import BlobStore
from longtake.errors import Conflict
from longtake.pipeline import Pipeline
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.events import Event
from longtake.runs.run import never
from longtake.session_stores.checks import check_revision
from longtake.session_stores.protocol import SessionStore
from longtake.sessions.ahead import SegmentAhead
from longtake.sessions.attempts import PATIENCE_SECONDS, Patience
from longtake.sessions.claiming import CLAIM_SECONDS, LONGEST_WAIT
from longtake.sessions.making import RolledSegment, SegmentMaker
from longtake.sessions.making_thread import MakingThread
from longtake.sessions.media import MediaSink
from longtake.sessions.stepping import LEASE_SECONDS, Rolling, Step, Times, as_rolled
from longtake.states.live import LiveState

__all__ = ["roll_each"]


def roll_each(
    sessions: SessionStore,
    session_id: str,
    requests: Iterable[GenerationRequest | str],
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
    worker: str | None = None,
    traceparent: str | None = None,
    claim_seconds: float = CLAIM_SECONDS,
    wait_seconds: float = LONGEST_WAIT,
    lease_seconds: float = LEASE_SECONDS,
    patience: float = PATIENCE_SECONDS,
) -> Generator[RolledSegment, None, None]:
    """Roll a segment for each request, as `roll` does, and make it while the one before is kept.

    Each is handed out as soon as it is committed. Meanwhile a thread, the one that makes all of
    them, makes the next one from the live state, as soon as the pipeline is free (`NeverFinishes`);
    its step, its claim and whatever it puts come after the commit of the one before. So at most one
    finished segment waits, and when a commit fails or is another worker's, what is made ahead stops
    within one step and leaves nothing. So it does when the iterator is closed: what was not handed
    out is not committed.

    ``requests``: any number, as of `roll`; each is asked for when the one before it is made, by the
    thread that makes it, and one that is late is waited for without a claim. ``expected_revision``:
    that the first of them goes on from. ``cancel``: what is finished is committed all the same.
    ``admit``, ``follow``: are called by the thread that makes the segments. The others are as in
    `roll`.

    A segment that another worker has committed by the very same step comes in its place. Raises
    like `roll`, while iterated, when all segments before are handed out; `Conflict` as soon as the
    session has another segment.
    """
    if expected_revision is not None:
        check_revision(expected_revision)
    thread = MakingThread()
    maker = SegmentMaker(session_id, pipeline, blobs, admit, follow, traceparent, thread.do)
    times = Times(claim_seconds, wait_seconds, lease_seconds)
    rolling = Rolling(sessions, maker, media, accept_versions, worker, times, Patience(patience))
    return _Steps(rolling, iter(requests), cancel, thread).rolled(expected_revision, live)


class _Steps:
    """Steps of one session, for each of the requests."""

    def __init__(
        self,
        rolling: Rolling,
        requests: Iterator[GenerationRequest | str],
        cancel: Callable[[], bool],
        thread: MakingThread,
    ) -> None:
        self._rolling = rolling
        self._thread = thread
        self._requests = requests
        self._cancel = cancel
        self._ahead = self._behind(None)

    def rolled(
        self, expected_revision: int | None, live: LiveState | None
    ) -> Generator[RolledSegment, None, None]:
        """The segments."""
        try:
            yield from self._each(expected_revision, live)
        finally:
            self._thread.close(waits=not self._ahead.is_asking)

    def _each(
        self, expected_revision: int | None, live: LiveState | None
    ) -> Generator[RolledSegment, None, None]:
        last: RolledSegment | None = None
        while (request := self._ahead.request()) is not None:
            self._ahead = self._behind(None)
            step = Step(self._rolling, self._rolling.session(), request)
            there = _there(step, expected_revision, last)
            with closing(self._in_a_row(step, there, live)) as row:
                for rolled in row:
                    live = None if rolled.result is None else rolled.result.live_state
                    last = evolve(rolled, result=None)
                    yield rolled
                    del rolled  # or its frames would be there until the next one is kept

    def _in_a_row(
        self, step: Step, there: RolledSegment | None, live: LiveState | None
    ) -> Generator[RolledSegment, None, None]:
        """Those from ``step`` on, until one is another worker's or no request came in time.

        ``there``: the segment of ``step`` if it is committed already.
        """
        if there is not None:
            yield there
            return
        try:
            with step.claimed(self._cancel) as claim:
                self._ahead = self._first(step, live)
                try:
                    while True:
                        result = self._ahead.result()
                        self._ahead = self._behind(result.live_state)
                        rolled = step.committed(result, self._ahead.begin)
                        request = self._ahead.in_time()
                        if request is None:
                            break
                        step = Step(self._rolling, rolled.session, request)
                        claim.go_on(step.digest)
                        yield rolled
                        del rolled, result  # or their frames would be there, too
                finally:
                    self._ahead.stop()
        except Conflict as conflict:
            rolled = step.winners(conflict)
        yield rolled

    def _first(self, step: Step, live: LiveState | None) -> SegmentAhead:
        """The segment of ``step`` as it begins to be made."""
        making = SegmentAhead(
            lambda: step.request,
            lambda request, cancel: step.made(live, cancel),
            self._cancel,
            self._thread,
        )
        making.begin()
        return making

    def _behind(self, live: LiveState | None) -> SegmentAhead:
        """What is made behind the segment with the state ``live``."""
        maker = self._rolling.maker
        return SegmentAhead(
            self._request,
            lambda request, cancel: maker.made(request, live, cancel),
            self._cancel,
            self._thread,
        )

    def _request(self) -> GenerationRequest | None:
        for request in self._requests:
            return as_rolled(request)
        return None


def _there(
    step: Step, expected_revision: int | None, last: RolledSegment | None
) -> RolledSegment | None:
    """The step's segment if it is committed already; None if it is the session's next.

    ``last``: the one before it, None when it is the first. Raises `Conflict` when the session went
    on, or back, in another way.
    """
    session = step.session
    if last is not None:
        if session.last == last.segment:
            return None
        return step.found(last.segment.index + 1, last.session.revision)
    if expected_revision is None or session.revision == expected_revision:
        return None
    return step.committed_before(expected_revision)
