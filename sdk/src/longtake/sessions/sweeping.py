"""What is over goes: sessions, holds, and the blobs that nobody needs any more.

A writer that was paused between its hold and its pins may wake up when the hold was revoked, pin,
and be killed before it learns that it cannot commit. So a hold that ran out is remembered while any
of its blobs is there, and each sweep takes its pins away again; that is safe beside writers, for
nothing is committed with a revoked hold.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from longtake.blobs.leases import SupportsLeases
from longtake.blobs.powers import SupportsListing, SupportsRenewal
from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError, shown
from longtake.session_stores.protocol import SessionStore, SupportsExpiry, SupportsHolds
from longtake.session_stores.records import Hold
from longtake.sessions.attempts import LONGEST_UNHELD, let_go, may_be_pinned
from longtake.sessions.unleased import drop_unused, renew_held

__all__ = ["Released", "Swept", "release_holds", "sweep_sessions"]

_AT_ONCE = 100


@frozen(kw_only=True)
class Swept:
    """How many ``sessions`` whose time was over, ``holds`` and ``blobs`` a sweep let go.

    Holds that ran out while others need their blobs are remembered, and not counted, until they go.

    ``missing``: ids of blobs that sessions need and that are gone, such as those that expired
    before the sweep came. Only a store that renews (`SupportsRenewal`) says so.
    """

    sessions: int
    holds: int
    blobs: int
    missing: tuple[str, ...] = field(default=(), repr=False)


def sweep_sessions(
    sessions: SessionStore,
    blobs: BlobStore | None = None,
    *,
    unused_seconds: float | None = 86400.0,
) -> Swept:
    """Drop sessions whose time is over, and let go what no session needs; beside running writers.

    ``blobs``: where the sessions' blobs are; without it their holds stay for another sweep. Run it
    now and then. What else happens depends on the blob store:

    - with leases (`SupportsLeases`), a blob goes when its lease is over and nothing pins it;
    - where blobs expire (`SupportsRenewal`), the time of those that sessions need begins anew: run
      it several times within that time;
    - where it lists (`SupportsListing`), blobs go that are older than ``unused_seconds`` and that
      no session needs. *The store must then be these sessions' alone*; with None nothing is listed.
      It must be more than 12 hours, for a writer holds its blobs within 6 hours from their put, or
      gives up: twice that, by the store's clock, is safe whatever the workers' clocks say.

    Raises `ValidationError` for ``unused_seconds`` that are too few, before anything is done, and
    what the stores raise; what was let go until then is.
    """
    _check_unused(unused_seconds)
    expired = sessions.drop_expired() if isinstance(sessions, SupportsExpiry) else 0
    if blobs is None:
        return Swept(sessions=expired, holds=0, blobs=0)
    missing: tuple[str, ...] = ()
    if isinstance(blobs, SupportsRenewal):
        missing = renew_held(sessions, blobs)
    released = release_holds(sessions, blobs)
    holds, dropped = released.holds, released.dropped
    if isinstance(blobs, SupportsLeases):
        dropped += blobs.sweep()
        holds += _forget_gone(sessions, blobs, released.remembered)
    elif isinstance(blobs, SupportsListing) and unused_seconds is not None:
        dropped += drop_unused(sessions, blobs, blobs, unused_seconds)
    return Swept(sessions=expired, holds=holds, blobs=dropped, missing=missing)


@frozen
class Released:
    """How many ``holds`` were let go, and blobs ``dropped`` at once; ``remembered``: others."""

    holds: int
    dropped: int
    remembered: tuple[Hold, ...]


def release_holds(sessions: SessionStore, blobs: BlobStore) -> Released:
    """Revoke holds that are over, and let their blobs go."""
    holds = dropped = 0
    remembered: dict[str, Hold] = {}
    while isinstance(sessions, SupportsHolds):
        limit = _AT_ONCE + len(remembered)  # which come again
        over = sessions.revoke_over(limit=limit)
        for hold in over:
            if hold.id in remembered:
                continue
            dropped += let_go(blobs, hold, sessions.held)
            if may_be_pinned(blobs, hold):
                remembered[hold.id] = hold
            else:
                sessions.forget_hold(hold)
                holds += 1
        if len(over) < limit:
            break
    return Released(holds, dropped, tuple(remembered.values()))


def _forget_gone(sessions: SessionStore, blobs: BlobStore, holds: Iterable[Hold]) -> int:
    """Forget holds whose blobs nobody can pin any more; how many."""
    forgotten = 0
    for hold in holds:
        if isinstance(sessions, SupportsHolds) and not any(i in blobs for i in hold.blob_ids):
            sessions.forget_hold(hold)
            forgotten += 1
    return forgotten


def _check_unused(seconds: float | None) -> None:
    if seconds is None:
        return
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 2 * LONGEST_UNHELD < seconds < float("inf"):
        raise ValidationError(
            "unused_seconds",
            f"is {shown(seconds)}; must be more than {2 * LONGEST_UNHELD:.0f}, for a writer may "
            "take half of that from putting a blob to holding it; or None, to list nothing",
        )
