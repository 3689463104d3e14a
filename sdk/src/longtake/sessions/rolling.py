"""One step of a session, done right: made once, kept whole, committed by one of those who try."""

from __future__ import annotations

from collections.abc import Callable

from longtake.blobs.protocol import BlobStore
from longtake.pipeline import Pipeline
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.events import Event
from longtake.runs.run import never
from longtake.session_stores.checks import check_revision
from longtake.session_stores.protocol import SessionStore
from longtake.sessions.attempts import PATIENCE_SECONDS, Patience
from longtake.sessions.claiming import CLAIM_SECONDS, LONGEST_WAIT
from longtake.sessions.making import RolledSegment, SegmentMaker
from longtake.sessions.media import MediaSink
from longtake.sessions.stepping import LEASE_SECONDS, Rolling, Step, Times, as_rolled
from longtake.states.live import LiveState

__all__ = ["roll", "rolled"]


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
    claim_seconds: float = CLAIM_SECONDS,
    wait_seconds: float = LONGEST_WAIT,
    lease_seconds: float = LEASE_SECONDS,
    patience: float = PATIENCE_SECONDS,
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
    maker = SegmentMaker(session_id, pipeline, blobs, admit, follow, traceparent)
    times = Times(claim_seconds, wait_seconds, lease_seconds)
    rolling = Rolling(sessions, maker, media, accept_versions, worker, times, Patience(patience))
    return rolled(rolling, request, expected_revision, live, cancel, made)


def rolled(
    rolling: Rolling,
    request: GenerationRequest | str,
    expected_revision: int | None,
    live: LiveState | None,
    cancel: Callable[[], bool],
    made: Callable[[], None] | None,
) -> RolledSegment:
    """The next segment, by what `roll` was given. Raises like it."""
    if expected_revision is not None:
        check_revision(expected_revision)
    session = rolling.session()
    step = Step(rolling, session, as_rolled(request))
    if expected_revision is not None and session.revision != expected_revision:
        return step.committed_before(expected_revision)
    return step.rolled(live, cancel, made)
