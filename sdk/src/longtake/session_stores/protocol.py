"""What a session store must do, and what it may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from longtake.session_stores.records import Claim, Hold, SessionRecord, SessionSegment
from longtake.states.state import ContinuationState

__all__ = [
    "SessionStore",
    "SupportsBranches",
    "SupportsClaims",
    "SupportsExpiry",
    "SupportsHolds",
]

Committed = tuple[SessionSegment, ContinuationState | None]
"""A segment, and the state after it."""


@runtime_checkable
class SessionStore(Protocol):
    """Sessions under ids, changed by compare-and-set. Every method may be called from any thread.

    Ids are 1 to 128 of ``A-Za-z0-9_-``; others raise `InvalidSessionId` before anything is looked
    for. A session that is absent, or whose time is over, is `SessionNotFound` (a `KeyError`).
    Errors are `longtake.SessionError` and its subclasses; a client library's own never leak.
    `SessionStoreUnavailable` comes in bounded time, and says nothing of whether a change was made:
    making it again with the same attempt does it once.
    """

    def create(
        self,
        session_id: str,
        *,
        family: str,
        preset: str = "",
        labels: Mapping[str, str] | None = None,
        expires_in: float | None = None,
        segments: Sequence[Committed] = (),
        attempt: str | None = None,
        hold: Hold | None = None,
    ) -> SessionRecord:
        """A new session, with ``segments`` already in it, as an import has them.

        ``expires_in``: seconds by the store's clock. ``attempt``: names this attempt to create it;
        made again, it gives the session that it had created. ``hold``: of the segments' blobs,
        given up in the same step. Raises `SessionExists`; `HoldRevoked` when the hold was.
        """
        ...

    def read(self, session_id: str) -> SessionRecord:
        """The session as it is now."""
        ...

    def advance(
        self,
        session_id: str,
        expected_revision: int,
        segment: SessionSegment,
        state: ContinuationState | None,
        *,
        hold: Hold | None = None,
    ) -> SessionSegment:
        """Commit the next segment, and the state after it, if the revision is the expected one.

        Of several who try, one wins; the session's revision is then one more. The segment comes
        back with the time of its commit. ``hold``: of the segment's blobs, given up in the same
        step. When the very attempt was committed before, its segment comes back and nothing
        changes. Raises `Conflict`, with the revision as it is, `HoldRevoked`, and
        `ValidationError` for a segment that is not the next one.
        """
        ...

    def history(
        self, session_id: str, *, start: int = 0, limit: int | None = None
    ) -> list[SessionSegment]:
        """The segments from ``start`` on, at most ``limit``; those that were rewound are gone."""
        ...

    def state(self, session_id: str, segment: int) -> ContinuationState | None:
        """The state after the segment of this index. Raises `ValidationError` for another index."""
        ...

    def list(
        self, *, labels: Mapping[str, str] | None = None, after: str = "", limit: int = 100
    ) -> list[SessionRecord]:
        """Sessions that have all of ``labels``, in the order of their ids, without their states.

        ``after``: go on behind this id, the last one of the page before. ``limit``: 1 to 1000.
        """
        ...

    def delete(self, session_id: str) -> None:
        """Forget the session; what is absent is passed over. Forks of it stay.

        Its id is free then. Do not use it again while workers of the old session may still run:
        one that commits to a session of the same id and revision cannot be told from the new one's.
        """
        ...


@runtime_checkable
class SupportsBranches(Protocol):
    """Power of a session store: two futures from one past."""

    def fork(
        self,
        session_id: str,
        num_segments: int,
        new_id: str,
        *,
        labels: Mapping[str, str] | None = None,
        attempt: str | None = None,
        hold: Hold | None = None,
    ) -> SessionRecord:
        """A new session that begins with the first ``num_segments`` segments of this one.

        ``labels``: the parent's when None. ``attempt``, ``hold``: of those who hold the shared
        blobs for the new session, too; its segments' ``attempt`` is the new one. Raises
        `SessionExists`, `HoldRevoked`, `Conflict` when the parent was rewound meanwhile, and
        `ValidationError` for more segments than there are. Made again with its attempt, it gives
        the session that it had made.
        """
        ...

    def rewind(self, session_id: str, expected_revision: int, num_segments: int) -> SessionRecord:
        """Let all segments behind the first ``num_segments`` go.

        Their blobs are in holds that are over; forks that share them have holds of their own.
        Raises like `SessionStore.advance`.
        """
        ...


@runtime_checkable
class SupportsExpiry(Protocol):
    """Power of a session store: sessions that end by themselves."""

    def expire(self, session_id: str, seconds: float | None) -> SessionRecord:
        """The session ends in ``seconds`` by the store's clock; None: it is kept.

        Its revision stays.
        """
        ...

    def drop_expired(self, *, limit: int | None = None) -> int:
        """Delete sessions whose time is over, at most ``limit``; how many were deleted."""
        ...


@runtime_checkable
class SupportsHolds(Protocol):
    """Power of a session store: to know who needs which blobs before a commit says so.

    The order that never leaves a committed segment without its blobs: put them, hold them, pin
    them for the hold's attempt, commit with the hold. Whoever sweeps revokes a hold that is over
    first, so that its commit fails, and lets its pins go after that.
    """

    def hold(
        self, blob_ids: Sequence[str], *, for_seconds: float, attempt: str | None = None
    ) -> Hold:
        """Say that the blobs are needed, from now on for so long by the store's clock.

        What is held for a commit is held under the ``attempt`` that commits. After `HoldRevoked`,
        or when a hold could not be made, go on under a new attempt.
        """
        ...

    def revoke_over(self, *, limit: int = 100) -> list[Hold]:
        """Revoke holds that are over; these, and those that were revoked before, come back.

        Each with the blobs that nothing of its attempt needs: their pins may be let go. What was
        committed and is needed no more comes as holds whose ``until`` is 0: their writers are done.
        """
        ...

    def forget_hold(self, hold: Hold) -> None:
        """The hold's blobs were let go, or are somebody else's now."""
        ...

    def held(self) -> set[str]:
        """The ids of all blobs that holds or committed segments refer to."""
        ...


@runtime_checkable
class SupportsClaims(Protocol):
    """Power of a session store: to keep workers from doing the same work for nothing.

    Nothing relies on it: whoever has no claim may commit, and whoever has one may lose.
    """

    def begin(self, session_id: str, step: str, *, holder: str, for_seconds: float) -> Claim:
        """Claim the step, or renew one's own claim. Another's that still runs comes back."""
        ...

    def end(self, session_id: str, *, holder: str) -> None:
        """Give up one's own claim; another's stays."""
        ...
