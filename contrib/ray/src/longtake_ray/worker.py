"""The actor: one rank of a worker, with a pipeline, in a process of Ray's.

It rolls what it has in its hand, whether or not there is a server, and whatever asks or tells has
threads of its own, so a worker answers while it rolls.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

import ray
from attrs import frozen

import longtake as lt
from longtake_ray.connecting import NAMESPACE
from longtake_ray.hand import Given, Hand, News
from longtake_ray.parcels import Parcel, packed
from longtake_ray.versions import loaded_versions

__all__ = ["ACTOR", "Said", "Worker"]

_LOOKS = 6
"""For whoever needs a worker, in the time for which it may be alone."""


@frozen
class Said:
    """What a worker says of itself. ``retiring``: whether it is to be replaced.

    ``sessions``: of the orders in its hand, by attempts. ``wanted``: the digest of what it was
    begun as. ``queued``, ``draining``: of its dispatcher, which it heard ``age`` seconds ago.
    """

    status: lt.WorkerStatus
    sessions: Mapping[str, str]
    wanted: str
    retiring: bool
    queued: int
    draining: bool
    age: float


class Worker:
    """One rank of the worker ``name``, which was begun as ``wanted``.

    It outlives a server that is killed, and ends when none has come for ``alone_seconds``.
    """

    def __init__(self, name: str, wanted: str, rank: int, alone_seconds: float) -> None:
        self._name = name
        self._wanted = wanted
        self._loaded: Parcel | None = None
        self._changed = threading.Condition()
        self._hand = Hand()
        self._device = ""
        self._retiring = False
        self._heard = time.monotonic()
        self._queue = (0, False)
        self._pipeline: lt.Pipeline | None = None
        is_needed = self._is_heard_of if rank == 0 else self._is_rank_0_there
        watch = threading.Thread(target=self._watch, args=(is_needed, alone_seconds), daemon=True)
        watch.start()

    def load(self, spec: dict[str, Any], parts: bytes) -> Parcel:
        """Load the pipeline, and say on which device it is, or what was raised; once.

        On ranks other than 0 this returns when rank 0 has closed its pipeline.
        """
        if self._loaded is not None:
            return self._loaded
        try:
            self._pipeline = lt.structure(spec, lt.PipelineSpec).load(prepare=False)
            stores = pickle.loads(parts)
            warm()
            roller = lt.Roller(self._name, self._pipeline, **stores)
            roller.prepare()
            self._hand.begin(roller)
            self._device = self._pipeline.device
            loaded = packed(self._device)
        except Exception as error:  # isolation: a plugin's class may not be known to the server
            loaded = packed(error)
            self.close()
        with self._changed:
            self._loaded = loaded
            self._changed.notify_all()
        return loaded

    def close(self) -> None:
        """Let the pipeline go, and the other ranks with it."""
        if self._pipeline is not None:
            self._pipeline.close()

    @ray.method(concurrency_group="asking")
    def loaded(self) -> Parcel:
        """What `load` returned, once it has."""
        with self._changed:
            self._changed.wait_for(lambda: self._loaded is not None)
            assert self._loaded is not None
            return self._loaded

    @ray.method(concurrency_group="asking")
    def give(self, given: Given) -> None:
        """Roll the order behind those that were given before."""
        self._heard = time.monotonic()
        self._hand.give(given)

    @ray.method(concurrency_group="asking")
    def news(self, stopped: Collection[str], wanted: Collection[str], seconds: float) -> News:
        """As `Hand.news`."""
        self._heard = time.monotonic()
        return self._hand.news(stopped, wanted, seconds)

    @ray.method(concurrency_group="asking")
    def versions(self) -> dict[str, str]:
        """What is installed here."""
        return loaded_versions()

    @ray.method(concurrency_group="asking")
    def hear(self, queued: int, draining: bool) -> bool:
        """Be told of the dispatcher's queue; whether this worker is to be replaced."""
        self._heard, self._queue = time.monotonic(), (queued, draining)
        return self._retiring

    @ray.method(concurrency_group="asking")
    def retire(self) -> None:
        """Be replaced after the order that is being rolled."""
        self._retiring = True

    @ray.method(concurrency_group="asking")
    def said(self) -> Said:
        """What this worker knows."""
        age = time.monotonic() - self._heard
        status = self._hand.status(self._name, self._device)
        sessions = self._hand.sessions()
        return Said(status, sessions, self._wanted, self._retiring, *self._queue, age)

    def _watch(self, is_needed: Callable[[float], bool], alone_seconds: float) -> None:
        """End all ranks when nobody needs them: Ray keeps them whatever becomes of a server."""
        while is_needed(alone_seconds):
            time.sleep(alone_seconds / _LOOKS)
        group = ray.util.get_current_placement_group()
        if group is not None:
            ray.util.remove_placement_group(group)

    def _is_heard_of(self, seconds: float) -> bool:
        return time.monotonic() - self._heard < seconds

    def _is_rank_0_there(self, seconds: float) -> bool:
        try:
            ray.get_actor(self._name, namespace=NAMESPACE)
        except ValueError:
            return False
        return True


def warm() -> None:
    """Import what Longtake does late, so that a worker's first segment takes no longer."""
    import_module("av")
    import_module("numpy")
    lt.stream_segment  # noqa: B018 - the name imports what it is in


_OPTIONS: Any = {
    "concurrency_groups": {"asking": 4},
    "max_restarts": 0,
    "max_task_retries": 0,
    "lifetime": "detached",
}
"""A worker outlives a server that is killed.

Nothing is restarted or tried again behind the dispatcher's back: Ray would call a restarted actor
in another order, and for ever where it is dead for good.
"""

ACTOR: Any = ray.remote(**_OPTIONS)(Worker)
"""The class of the actors."""
