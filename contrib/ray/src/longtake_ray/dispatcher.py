"""The dispatcher: a fair queue in this process, and for each worker in the cluster a thread here.

Ray restarts nothing and tries nothing again: a lost worker's order goes back to the queue, whoever
is alive takes it, and another worker is begun in the lost one's place. Workers of a server that was
killed are the next one's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

import ray
from attrs import evolve

import longtake as lt
from longtake_ray.leftovers import Leftover
from longtake_ray.losses import end_claim, found_committed
from longtake_ray.replica import LOST, Replica, StartStopped, Wanted

__all__ = ["RayDispatcher"]

_log = logging.getLogger(__name__)

_HEAR_SECONDS = 0.5
"""After which an idle worker is asked whether it is there."""
_LEFT_SECONDS = 0.1
"""After which a worker that is at an order before is asked again."""
_MOST_LOSSES = 5
"""Workers that one order may lose: it may be what ends them."""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_STORE_SECONDS = 30.0
"""For which a session store that is away is waited for."""


class RayDispatcher:
    """A `longtake.Dispatcher` with ``number`` workers in the cluster that this process is in.

    ``left``: those that are there already.
    """

    def __init__(
        self,
        wanted: Wanted,
        number: int,
        sessions: lt.SessionStore,
        connection: ExitStack,
        left: Sequence[Leftover] = (),
    ) -> None:
        self._wanted = wanted
        self._sessions = sessions
        self._connection = connection
        self._desk = lt.OrderDesk()
        self._alive: dict[str, str] = {}  # devices by workers' names
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._replaced: int | None = None  # the slot whose worker is being replaced
        self._ending = threading.Event()
        for slot, each in enumerate(left):
            if each.session_id is not None:
                self._desk.hold(each.session_id)
            self._has(slot, each.replica)
        self._threads = [
            threading.Thread(target=self._keep, args=(slot, each), name=f"longtake-ray-{slot}")
            for slot, each in enumerate([*left, *[None] * (number - len(left))])
        ]
        for thread in self._threads:
            thread.daemon = True
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

    def _keep(self, slot: int, left: Leftover | None) -> None:
        """Have a worker in the slot, one after the other. ``left``: is the first one."""
        if left is not None:
            self._use(slot, left.replica, lambda: self._waited_for(left))
        pause = _FIRST_PAUSE
        while not self._ending.is_set():
            try:
                replica = Replica.started(self._wanted, slot, self._ending.is_set)
            except StartStopped:
                return
            except Exception as error:  # whatever kept it from being there is tried again
                _log.warning("a worker could not be begun: %s", error)
                self._failed(error)
                self._ending.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            self._use(slot, replica)

    def _use(self, slot: int, replica: Replica, ready: Callable[[], bool] = lambda: True) -> None:
        """Have the worker roll until it is lost or goes. ``ready``: False where it is lost."""
        self._has(slot, replica)
        is_lost = True
        try:
            is_lost = not ready() or self._worked(slot, replica)
        finally:
            with self._changed:
                self._alive.pop(replica.name, None)
            replica.end(gently=not is_lost)

    def _waited_for(self, left: Leftover) -> bool:
        """Wait for the end of what the worker is at by an order before; whether it is there.

        Nobody else is given the session meanwhile: its next order finds the segment committed.
        """
        replica = left.replica
        try:
            while replica.said().status.session_id is not None:
                replica.hear(self._desk.status({}))
                if self._ending.wait(_LEFT_SECONDS):
                    return False
        except LOST as error:
            _log.warning("worker %s is lost: %s", replica.name, error)
            if left.session_id is not None:
                with suppress(lt.SessionError):
                    end_claim(self._sessions, left.session_id, replica.name)
            return False
        finally:
            if left.session_id is not None:
                self._desk.release(left.session_id)
        return True

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

    def _worked(self, slot: int, replica: Replica) -> bool:
        """Have the worker roll until it is lost, to be replaced, or no longer needed.

        Whether it is lost.
        """
        heard = -_HEAR_SECONDS
        while True:
            if time.monotonic() - heard >= _HEAR_SECONDS:
                try:
                    retiring = replica.hear(self._desk.status({}))
                except LOST as error:
                    _log.warning("worker %s is lost: %s", replica.name, error)
                    return True
                heard = time.monotonic()
                if retiring and self._may_replace(slot):
                    return False
            ticket = self._desk.next(replica.name, _HEAR_SECONDS)
            if ticket is not None:
                if not self._rolled(replica, ticket):
                    return True
            elif self._desk.is_closed:
                return False

    def _may_replace(self, slot: int) -> bool:
        """Whether no other worker is being replaced now."""
        with self._changed:
            if self._replaced is None:
                self._replaced = slot
            return self._replaced == slot

    def _rolled(self, replica: Replica, ticket: lt.OrderTicket) -> bool:
        """Have the worker roll the order; whether the worker is still there."""
        try:
            self._pin(ticket)
            end = replica.rolled(ticket)
        except ray.exceptions.RayTaskError as error:
            end = lt.OrderFailed(order_id=ticket.order.id, error=error)
        except LOST as error:
            _log.warning("worker %s was lost at %s: %s", replica.name, ticket.order.id, error)
            replica.end(gently=False)
            self._lost(replica, ticket)
            return False
        except lt.LongtakeError as error:  # of the store
            end = lt.OrderFailed(order_id=ticket.order.id, error=error)
        self._desk.end(replica.name, ticket, end)
        return True

    def _pin(self, ticket: lt.OrderTicket) -> None:
        """Say from which revision the order goes on, so that it is never committed twice."""
        if ticket.order.expected_revision is not None:
            return
        give_up = time.monotonic() + _STORE_SECONDS
        while True:
            try:
                revision = self._sessions.read(ticket.order.session_id).revision
            except lt.SessionStoreUnavailable:
                if time.monotonic() > give_up or ticket.cancelled.wait(_FIRST_PAUSE):
                    raise
            else:
                ticket.order = evolve(ticket.order, expected_revision=revision)
                return

    def _lost(self, replica: Replica, ticket: lt.OrderTicket) -> None:
        """What becomes of the order of a lost worker: it may have been committed."""
        order = ticket.order
        try:
            end_claim(self._sessions, order.session_id, replica.name)
            done = found_committed(self._sessions, order, replica.name)
        except lt.SessionError as error:
            done = None
            if ticket.cancelled.is_set():  # then nobody else will find out
                failed = lt.OrderFailed(order_id=order.id, error=error)
                self._desk.end(replica.name, ticket, failed)
                return
        if done is not None:
            self._desk.end(replica.name, ticket, done)
        elif ticket.losses + 1 < _MOST_LOSSES or ticket.cancelled.is_set():
            self._desk.put_back(replica.name, ticket)
        else:
            problem = f"{_MOST_LOSSES} workers were lost at it, the last one {replica.name}"
            failed = lt.OrderFailed(order_id=order.id, error=lt.LongtakeError(problem))
            self._desk.end(replica.name, ticket, failed)
