"""The actor: one rank of a worker, with a pipeline, in a process of Ray's.

Rolling has two threads, one that makes a segment while the other keeps the one before; whatever
asks or tells has others, so a worker answers while it rolls.
Ray would run a cancelled call all the same, so an attempt has a flag of its own.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import ray
from attrs import define, field, frozen

import longtake as lt
from longtake_ray.connecting import NAMESPACE
from longtake_ray.parcels import Parcel, packed
from longtake_ray.versions import loaded_versions

__all__ = ["ACTOR", "Said", "Told", "Worker"]

_MOST_ATTEMPTS = 8
"""That are remembered: the one that is rolled, and some that a dispatcher may still ask of."""
_LOOKS = 6
"""For whoever needs a worker, in the time for which it may be alone."""


@frozen
class Told:
    """What is new of an attempt.

    ``made``: whether its segment is made, and the next one may be. ``over``: whether its call is
    about to return.
    """

    events: tuple[lt.OrderEvent, ...]
    made: bool
    over: bool


@frozen
class Said:
    """What a worker says of itself. ``retiring``: whether it is to be replaced.

    ``sessions``: whose segments it makes and keeps. ``wanted``: the digest of what it was begun as.
    ``queued``, ``draining``: of its dispatcher, which it heard ``age`` seconds ago.
    """

    status: lt.WorkerStatus
    sessions: tuple[str, ...]
    wanted: str
    retiring: bool
    queued: int
    draining: bool
    age: float


@define(eq=False)
class _Attempt:
    order: lt.StepOrder | None = None
    cancelled: threading.Event = field(factory=threading.Event)
    events: deque[lt.OrderEvent] = field(factory=deque)
    made: bool = False
    over: bool = False

    @property
    def is_at_work(self) -> bool:
        return self.order is not None and not self.over


class Worker:
    """One rank of the worker ``name``, which was begun as ``wanted``.

    It outlives a server that is killed, and ends when none has come for ``alone_seconds``.
    """

    def __init__(self, name: str, wanted: str, rank: int, alone_seconds: float) -> None:
        self._name = name
        self._wanted = wanted
        self._loaded: Parcel | None = None
        self._changed = threading.Condition()
        self._attempts: dict[str, _Attempt] = {}
        self._device = ""
        self._done = 0
        self._retiring = False
        self._heard = time.monotonic()
        self._queue = (0, False)
        self._pipeline: lt.Pipeline | None = None
        self._roller: lt.Roller | None = None
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
            self._pipeline = lt.structure(spec, lt.PipelineSpec).load()
            stores = pickle.loads(parts)
            self._roller = lt.Roller(self._name, self._pipeline, **stores)
            self._device = self._pipeline.device
            loaded = packed(self._device)
        except Exception as error:  # isolation: a plugin's class may not be known to the server
            loaded = packed(error)
        with self._changed:
            self._loaded = loaded
            self._changed.notify_all()
        return loaded

    @ray.method(concurrency_group="rolling")
    def roll(self, attempt: str, order: bytes) -> Parcel:
        """Roll an order's segment; how it ended."""
        current = self._attempt(attempt)
        try:
            return packed(self._rolled(current, pickle.loads(order)))
        finally:
            with self._changed:
                self._done += 1
                current.over = True
                self._changed.notify_all()

    def _rolled(self, current: _Attempt, order: lt.StepOrder) -> object:
        assert self._roller is not None, "load comes first"
        current.order = order

        def tell(event: lt.OrderEvent) -> None:
            with self._changed:
                current.events.append(event)
                self._changed.notify_all()

        def made() -> None:
            with self._changed:
                current.made = True
                self._changed.notify_all()

        return self._roller.rolled(order, current.cancelled, tell, made)

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
    def told(self, attempt: str, cancelled: bool, made: bool, seconds: float) -> Told:
        """What is new of the attempt; it is waited for.

        ``cancelled``: whether it is to stop. ``made``: whether it is known that it has been.
        """
        self._heard = time.monotonic()
        current = self._attempt(attempt)
        if cancelled:
            current.cancelled.set()
        with self._changed:
            self._changed.wait_for(
                lambda: current.events or current.over or current.made != made, seconds
            )
            events = tuple(current.events)
            current.events.clear()
            return Told(events, current.made, current.over)

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
        with self._changed:
            at_work = [each for each in self._attempts.values() if each.is_at_work]
        making = next((each.order for each in at_work if not each.made), None)
        status = lt.WorkerStatus(
            name=self._name,
            device=self._device,
            session_id=None if making is None else making.session_id,
            order_id=None if making is None else making.id,
            orders_done=self._done,
        )
        sessions = tuple(each.order.session_id for each in at_work if each.order is not None)
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

    def _attempt(self, attempt: str) -> _Attempt:
        with self._changed:
            found = self._attempts.setdefault(attempt, _Attempt())
            if len(self._attempts) > _MOST_ATTEMPTS:
                del self._attempts[next(iter(self._attempts))]
            return found


_OPTIONS: Any = {
    "concurrency_groups": {"asking": 4, "rolling": 2},
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
