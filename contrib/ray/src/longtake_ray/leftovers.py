"""Workers whose server was killed: those that fit go on under the next one, the others end."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import ray
from attrs import frozen
from ray.util.placement_group import PlacementGroup, placement_group_table, remove_placement_group

import longtake as lt
from longtake_ray.replica import LOST, Replica, Wanted

__all__ = ["Leftover", "leftovers"]

_log = logging.getLogger(__name__)

_SILENT_SECONDS = 2.0
"""After which a worker that heard nothing has no dispatcher; a living one asks twice a second."""
_POLL_SECONDS = 0.2


@frozen
class Leftover:
    """A worker that is there. ``session_id``: whose segment it is still at, by an order before."""

    replica: Replica
    session_id: str | None


def leftovers(wanted: Wanted, number: int) -> list[Leftover]:
    """At most ``number`` workers of the pool that nobody has, as they would be begun now.

    Others that nobody has are ended, and so is what is left of those that died. Workers of a
    dispatcher that lives stay as they are.
    """
    found: list[Leftover] = []
    for name, group in _groups(wanted.pool):
        try:
            replica = Replica.found(name, group, wanted.ranks)
            leftover = _unless_heard(replica, wanted, is_needed=len(found) < number)
        except (*LOST, ValueError):  # it is gone, or has other ranks
            remove_placement_group(group)
            continue
        if leftover is not None:
            found.append(leftover)
    return found


def _groups(pool: str) -> Iterator[tuple[str, Any]]:
    """The placement groups of the pool, by their workers' names."""
    for identifier, row in placement_group_table().items():
        if row["name"].startswith(f"{pool}/") and row["state"] != "REMOVED":
            yield row["name"], PlacementGroup(ray.PlacementGroupID(bytes.fromhex(identifier)))


def _unless_heard(replica: Replica, wanted: Wanted, *, is_needed: bool) -> Leftover | None:
    """The worker, if nobody has it; it is ended where it does not fit. Raises `LOST` errors."""
    said = replica.said()
    give_up = time.monotonic() + _SILENT_SECONDS
    while said.age < _SILENT_SECONDS:
        if time.monotonic() > give_up:
            _log.warning(
                "worker %s has another server; name pools of their own (?pool=)", replica.name
            )
            return None
        time.sleep(_POLL_SECONDS)
        said = replica.said()
    if not is_needed or said.retiring or said.wanted != wanted.digest or not said.status.device:
        replica.end(gently=False)
        return None
    replica.hear(lt.DispatcherStatus(workers=(), queued=0, draining=False))  # it has one now
    replica.device = said.status.device
    return Leftover(replica, said.status.session_id)
