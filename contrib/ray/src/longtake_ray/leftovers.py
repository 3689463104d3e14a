"""Workers whose server was killed: those that fit go on under the next one, the others end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ray
from attrs import frozen
from ray.util.placement_group import PlacementGroup, placement_group_table, remove_placement_group

from longtake_ray.replica import LOST, Replica, StartStopped, Wanted
from longtake_ray.worker import Said

__all__ = ["Leftover", "arrived", "leftovers"]

_log = logging.getLogger(__name__)

_ANSWER_SECONDS = 0.5
"""In which one that is well answers: the others are not waited for here."""
_LATE_SECONDS = 5.0
"""In which the others do, or another one is begun."""
_SILENT_SECONDS = 1.2
"""After which a worker that heard nothing has no dispatcher; a living one asks twice a second."""
_POLL_SECONDS = 0.05


@frozen
class Leftover:
    """A worker that may be there.

    ``said``: None of one that did not answer at once: it is on its way, at a hard piece of work, or
    on a machine that is lost.
    """

    replica: Replica
    said: Said | None

    @property
    def is_loaded(self) -> bool:
        """Whether it can be given orders."""
        return self.said is not None and bool(self.said.status.device)

    @property
    def sessions(self) -> Mapping[str, str]:
        """Whose segments it is still at, by attempts of a server before."""
        return {} if self.said is None else self.said.sessions


def leftovers(wanted: Wanted, number: int) -> list[Leftover]:
    """At most ``number`` workers of the pool that nobody has, as they would be begun now.

    Those that are loaded come first, and those that did not answer last. Others that nobody has are
    ended, and so is what is left of those that died. Workers of a dispatcher that lives stay as
    they are.
    """
    taken: list[Leftover] = []
    waiting: list[Leftover] = []
    for each in _answered(_found(wanted)):
        left = each if each.said is None else _unless_heard(each)
        if left is None:
            continue
        if left.said is not None and not _fits(left.said, wanted):
            left.replica.end(gently=False)
        else:
            (taken if left.is_loaded else waiting).append(left)
    taken += sorted(waiting, key=lambda each: each.said is None)
    for each in taken[number:]:
        if each.said is not None:  # else it may be another's
            each.replica.end(gently=False)
    return taken[:number]


def arrived(left: Leftover, wanted: Wanted, is_stopped: Callable[[], bool]) -> bool:
    """Wait for a worker that was not loaded; whether it can be given orders now.

    It is ended where it cannot, unless it is another dispatcher's. Raises `StartStopped`.
    """
    replica, now = left.replica, left
    try:
        if left.said is None:
            waited = _unless_heard(Leftover(replica, replica.said(_LATE_SECONDS)))
            if waited is None:
                return False
            now = waited
        if now.said is None or not _fits(now.said, wanted):
            raise ValueError("it is another one than is wanted now")
        replica.check(wanted, is_stopped)
        replica.load(wanted, is_stopped)
    except StartStopped:
        replica.end(gently=False)
        raise
    except Exception as error:  # whatever keeps it from being there, a new one is begun
        _log.warning("worker %s does not go on: %s", replica.name, error)
        replica.end(gently=False)
        return False
    return True


def _fits(said: Said, wanted: Wanted) -> bool:
    """Whether the worker is one as it would be begun now."""
    return said.wanted == wanted.digest and not said.retiring


def _found(wanted: Wanted) -> Iterator[Replica]:
    """The workers of the pool that have their place and their processes; others are let go."""
    for identifier, row in placement_group_table().items():
        name = row["name"]
        if name.startswith(f"{wanted.pool}/") and row["state"] != "REMOVED":
            group = PlacementGroup(ray.PlacementGroupID(bytes.fromhex(identifier)))
            try:
                if row["state"] != "CREATED":  # its machine is lost, or it never had one
                    raise ValueError(row["state"])
                yield Replica.found(name, group, wanted.ranks)
            except (*LOST, ValueError):  # it is gone, or has other ranks
                remove_placement_group(group)


def _answered(found: Iterator[Replica]) -> list[Leftover]:
    """The workers with what they say, all asked at once; those that are gone are let go."""
    asked: dict[Any, Replica] = {each.asked(): each for each in found}
    if not asked:
        return []
    ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_SECONDS)
    answered: list[Leftover] = []
    for reference, replica in asked.items():
        try:
            said = ray.get(reference) if reference in ready else None
        except LOST:
            replica.end(gently=False)
        else:
            answered.append(Leftover(replica, said))
    return answered


def _unless_heard(left: Leftover) -> Leftover | None:
    """The worker as it is when nobody has it, as far as can be seen; None for another's."""
    said, replica = left.said, left.replica
    give_up = time.monotonic() + _SILENT_SECONDS
    try:
        while said is not None and said.age < _SILENT_SECONDS:
            if time.monotonic() > give_up:
                _log.warning(
                    "worker %s has another server; name pools of their own (?pool=)", replica.name
                )
                return None
            time.sleep(_POLL_SECONDS)
            said = replica.said(_ANSWER_SECONDS)
    except LOST:
        said = None
    if said is not None:
        replica.device = said.status.device
    return Leftover(replica, said)
