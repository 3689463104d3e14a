"""The dispatcher: a fair queue in this process, and for each worker in the cluster a thread here.

Ray restarts nothing and tries nothing again: a lost worker's orders go back to the queue, whoever
is alive takes them, and another worker is begun in the lost one's place. Workers of a server that
was killed are the next one's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import ray

import longtake as lt
from longtake_ray.leftovers import Leftover, arrived
from longtake_ray.replica import Replica, StartStopped, Wanted
from longtake_ray.shift import Shift

__all__ = ["RayDispatcher"]

_log = logging.getLogger(__name__)

_MOST_LOST = 3
"""New workers in a row whose end says nothing yet: their machine may have been lost."""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


class RayDispatcher:
    """A `longtake.Dispatcher` with workers in the cluster that this process is in.

    ``number``: of those that roll at a time. ``spares``: of those that wait, loaded, to take the
    place of one that is lost. ``left``: those that are there already.
    """

    def __init__(
        self,
        wanted: Wanted,
        number: int,
        sessions: lt.SessionStore,
        connection: ExitStack,
        left: Sequence[Leftover] = (),
        *,
        spares: int = 0,
    ) -> None:
        self._wanted = wanted
        self._sessions = sessions
        self._connection = connection
        self._desk = lt.OrderDesk()
        self._turns = threading.Semaphore(number)
        self._alive: dict[str, str] = {}  # devices by workers' names
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._replaced: int | None = None  # the slot whose worker is being replaced
        self._ending = threading.Event()
        for slot, each in enumerate(left):
            for session in each.sessions.values():
                self._desk.hold(session)
            if each.is_loaded:
                self._has(slot, each.replica)
        slots = [*left, *[None] * (number + spares - len(left))]
        self._threads = [
            threading.Thread(
                target=self._keep,
                args=(slot, each, self._goes_on(each)),
                name=f"longtake-ray-{slot}",
                daemon=True,
            )
            for slot, each in enumerate(slots)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, order: lt.StepOrder, listener: Callable[[lt.OrderEvent], None]) -> None:
        """As `longtake.Dispatcher.submit`."""
        self._desk.submit(order, listener)

    def cancel(self, order_id: str) -> bool:
        """As `longtake.Dispatcher.cancel`."""
        return self._desk.cancel(order_id)

    def status(self) -> lt.DispatcherStatus:
        """As `longtake.Dispatcher.status`."""
        with self._changed:
            return self._desk.status(dict(self._alive))

    def drain(self, timeout: float | None = None) -> bool:
        """As `longtake.Dispatcher.drain`."""
        return self._desk.drain(timeout)

    def close(self) -> None:
        """As `longtake.Dispatcher.close`."""
        self._desk.close()
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._connection.close()

    def wait_for_first(self, seconds: float) -> None:
        """Wait until a worker is there. Raises what kept the first one from being so."""
        with self._changed:
            self._changed.wait_for(lambda: self._alive or self._failure, seconds)
            if self._failure is not None and not self._alive:
                raise self._failure
            if not self._alive:
                _log.warning("no worker is there after %g s; they are waited for", seconds)

    def _goes_on(self, left: Leftover | None) -> bool:
        """Whether the worker is at orders before, and so has its turn already."""
        return left is not None and bool(left.sessions) and self._turns.acquire(blocking=False)

    def _keep(self, slot: int, left: Leftover | None, has_turn: bool) -> None:
        """Have a worker in the slot, one after the other. ``left``: may be the first one."""
        pause, failures = _FIRST_PAUSE, 0
        try:
            if left is not None and (left.is_loaded or self._arrived(left)):
                self._use(slot, left.replica, has_turn=has_turn, before=left.sessions)
            while not self._ending.is_set():
                try:
                    replica = Replica.started(self._wanted, slot, self._ending.is_set)
                except StartStopped:
                    raise
                except Exception as error:  # whatever kept it from being there is tried again
                    _log.warning("a worker could not be begun: %s", error)
                    failures += 1
                    is_lost = isinstance(error, ray.exceptions.RayActorError)
                    if not is_lost or failures == _MOST_LOST:
                        self._failed(error)
                    self._ending.wait(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                    continue
                pause, failures = _FIRST_PAUSE, 0
                self._use(slot, replica)
        except StartStopped:
            return

    def _arrived(self, left: Leftover) -> bool:
        return arrived(left, self._wanted, self._ending.is_set)

    def _use(
        self,
        slot: int,
        replica: Replica,
        *,
        has_turn: bool = False,
        before: Mapping[str, str] | None = None,
    ) -> None:
        """Have the worker roll until it is lost or goes. The others are as of `Shift`."""
        self._has(slot, replica)
        is_lost = True
        shift = Shift(
            replica,
            self._desk,
            self._sessions,
            self._turns,
            lambda: self._may_replace(slot),
            has_turn=has_turn,
            before=before,
        )
        try:
            is_lost = shift.work()
        finally:
            with self._changed:
                self._alive.pop(replica.name, None)
            replica.end(gently=not is_lost)

    def _has(self, slot: int, replica: Replica) -> None:
        with self._changed:
            self._alive[replica.name] = replica.device
            self._failure = None
            if self._replaced == slot:
                self._replaced = None
            self._changed.notify_all()

    def _failed(self, error: Exception) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _may_replace(self, slot: int) -> bool:
        """Whether no other worker is being replaced now."""
        with self._changed:
            if self._replaced is None:
                self._replaced = slot
            return self._replaced == slot
