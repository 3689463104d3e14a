"""Sweeps of blob stores without leases: what expires is renewed, what is listed is compared.

The writer's side is in `longtake.sessions.attempts`: it holds its blobs within `LONGEST_UNHELD`
seconds from putting them, by the time that passes and not by a clock, or gives up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from longtake.blobs.ids import abbreviated
from longtake.blobs.powers import SupportsListing, SupportsRenewal
from longtake.blobs.protocol import BlobStore
from longtake.session_stores.protocol import SessionStore, SupportsHolds

__all__ = ["drop_unused", "renew_held"]

logger = logging.getLogger(__name__)

_AT_ONCE = 1000
_SHOWN = 5


def renew_held(sessions: SessionStore, blobs: SupportsRenewal) -> tuple[str, ...]:
    """Keep longer what sessions need. Returns, and logs, what of it is gone."""
    if not isinstance(sessions, SupportsHolds):
        _warn_without_holds(sessions)
        return ()
    gone = set(blobs.renew(sorted(sessions.held())))
    if not gone:
        return ()
    missing = tuple(sorted(gone & sessions.held()))  # the others were let go meanwhile
    if missing:
        names = ", ".join(abbreviated(blob_id) for blob_id in missing[:_SHOWN])
        text = "%d blobs that sessions need are gone from %r: %s"
        logger.warning(text, len(missing), blobs, names)
    return missing


def drop_unused(
    sessions: SessionStore, listing: SupportsListing, blobs: BlobStore, seconds: float
) -> int:
    """Drop what is older than ``seconds`` and that no session needs; how many blobs.

    ``listing`` is ``blobs``. What is needed is asked for after the list, and right before blobs are
    dropped once more: an answer that takes a while may miss what a fork came to need meanwhile.
    """
    if not isinstance(sessions, SupportsHolds):
        _warn_without_holds(sessions)
        return 0
    old = list(listing.list_ids(min_age_seconds=seconds))
    if not old:
        return 0
    needed = _with_ids_within(sessions.held())
    unneeded = [blob_id for blob_id in old if blob_id not in needed]
    dropped = 0
    for first in range(0, len(unneeded), _AT_ONCE):
        needed = _with_ids_within(sessions.held())
        for blob_id in unneeded[first : first + _AT_ONCE]:
            if blob_id not in needed:
                blobs.drop(blob_id)
                dropped += 1
    return dropped


def _with_ids_within(held: Iterable[str]) -> set[str]:
    """``held``, and the ids that wrapping stores made these of: what is before a hyphen."""
    needed = set(held)
    for blob_id in tuple(needed):
        end = blob_id.find("-")
        while end > 0:
            needed.add(blob_id[:end])
            end = blob_id.find("-", end + 1)
    return needed


def _warn_without_holds(sessions: SessionStore) -> None:
    logger.warning("%r cannot say which blobs it needs; none is renewed or listed", sessions)
