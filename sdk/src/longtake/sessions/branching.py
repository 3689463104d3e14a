"""Two futures from one past, and another one in the place of the last: with their blobs."""

from __future__ import annotations

from collections.abc import Mapping

from longtake.blobs.protocol import BlobStore
from longtake.errors import SessionError, ValidationError
from longtake.session_stores.protocol import SessionStore, SupportsBranches
from longtake.session_stores.records import SessionRecord
from longtake.sessions.attempts import Attempt, OwnBlobs, Patience
from longtake.sessions.sweeping import release_holds

__all__ = ["fork_session", "rewind_session"]

_HOLD_SECONDS = 600.0


def fork_session(
    sessions: SessionStore,
    session_id: str,
    num_segments: int,
    new_id: str,
    *,
    blobs: BlobStore | None = None,
    labels: Mapping[str, str] | None = None,
) -> SessionRecord:
    """A new session that begins with the first ``num_segments`` segments of another one.

    Both share the blobs, which stay as long as one of the two needs them. ``blobs``: where they
    are. ``labels``: the parent's when None.

    Raises like `SupportsBranches.fork`, `ValidationError` for blobs without their store, and
    `SessionError` for sessions that cannot be forked; nothing is left behind then.
    """
    forking = _with_branches(sessions)
    segments = sessions.history(session_id, limit=num_segments) if num_segments else []
    blob_ids = list(dict.fromkeys(each for segment in segments for each in segment.blob_ids))
    if blob_ids and blobs is None:
        raise ValidationError("blobs", "the segments refer to blobs; say where they are")
    own = None if blobs is None else OwnBlobs(blobs, _HOLD_SECONDS)
    attempt = Attempt(sessions, own, hold_seconds=_HOLD_SECONDS, patience=Patience())
    try:
        attempt.take(blob_ids)
    except BaseException:
        attempt.abandon()
        raise
    return attempt.commit(
        lambda: forking.fork(
            session_id,
            num_segments,
            new_id,
            labels=labels,
            attempt=attempt.id,
            hold=attempt.hold,
        )
    )


def rewind_session(
    sessions: SessionStore,
    session_id: str,
    num_segments: int,
    *,
    expected_revision: int | None = None,
    blobs: BlobStore | None = None,
) -> SessionRecord:
    """Let all segments of a session behind the first ``num_segments`` go.

    ``expected_revision``: as the caller knows the session; by default as it is now. ``blobs``:
    where blobs are that nobody needs then; without it they go with the next sweep.

    Raises like `SupportsBranches.rewind`, and `SessionError` for sessions that cannot be rewound.
    """
    rewinding = _with_branches(sessions)
    revision = expected_revision
    if revision is None:
        revision = sessions.read(session_id).revision
    record = rewinding.rewind(session_id, revision, num_segments)
    if blobs is not None:
        release_holds(sessions, blobs)
    return record


def _with_branches(sessions: SessionStore) -> SupportsBranches:
    if not isinstance(sessions, SupportsBranches):
        raise SessionError(f"{sessions!r} knows no forks; use a store that has fork and rewind")
    return sessions
