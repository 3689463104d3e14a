"""What is over goes: sessions, holds, and the blobs that nobody needs any more."""

from __future__ import annotations

from attrs import frozen

from longtake.blobs.leases import SupportsLeases
from longtake.blobs.protocol import BlobStore
from longtake.session_stores.protocol import SessionStore, SupportsExpiry, SupportsHolds
from longtake.sessions.attempts import let_go

__all__ = ["Swept", "release_holds", "sweep_sessions"]

_AT_ONCE = 100


@frozen(kw_only=True)
class Swept:
    """How many ``sessions`` whose time was over, ``holds`` and ``blobs`` a sweep let go."""

    sessions: int
    holds: int
    blobs: int


def sweep_sessions(sessions: SessionStore, blobs: BlobStore | None = None) -> Swept:
    """Drop sessions whose time is over, and let go what no session needs; beside running writers.

    ``blobs``: where the sessions' blobs are; without it their holds stay for another sweep. A store
    with leases is swept, too: a blob goes when its lease is over and nothing pins it. Run it now
    and then. Raises what the stores raise; what was let go until then is.
    """
    expired = sessions.drop_expired() if isinstance(sessions, SupportsExpiry) else 0
    if blobs is None:
        return Swept(sessions=expired, holds=0, blobs=0)
    holds, dropped = release_holds(sessions, blobs)
    if isinstance(blobs, SupportsLeases):
        dropped += blobs.sweep()
    return Swept(sessions=expired, holds=holds, blobs=dropped)


def release_holds(sessions: SessionStore, blobs: BlobStore) -> tuple[int, int]:
    """Revoke holds that are over, and let their blobs go; how many, and blobs dropped at once."""
    holds = dropped = 0
    if not isinstance(sessions, SupportsHolds):
        return holds, dropped
    while over := sessions.revoke_over(limit=_AT_ONCE):
        for hold in over:
            dropped += let_go(blobs, hold, sessions.held)
            sessions.forget_hold(hold)
            holds += 1
        if len(over) < _AT_ONCE:
            break
    return holds, dropped
