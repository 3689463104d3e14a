"""A worker at work: it takes orders from the desk until it is lost, replaced or not needed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import ray
from attrs import evolve

import longtake as lt
from longtake_ray.losses import end_claim, found_committed
from longtake_ray.replica import LOST, Replica
from longtake_ray.rolling import Rolling

__all__ = ["Shift"]

_log = logging.getLogger(__name__)

_HEAR_SECONDS = 0.5
"""After which an idle worker is asked whether it is there."""
_MOST_LOSSES = 5
"""Workers that one order may lose: it may be what ends them."""
_STORE_SECONDS = 30.0
"""For which a session store that is away is waited for."""
_STORE_PAUSE = 1.0


class Shift:
    """The work of ``replica``, whose orders are of ``desk``.

    ``turns``: as many of a pool's workers roll at a time; the others are spare, and wait for a
    turn. ``has_turn``: of one that goes on. ``may_go``: whether it may be replaced now.
    """

    def __init__(
        self,
        replica: Replica,
        desk: lt.OrderDesk,
        sessions: lt.SessionStore,
        turns: threading.Semaphore,
        may_go: Callable[[], bool],
        *,
        has_turn: bool = False,
    ) -> None:
        self._replica = replica
        self._desk = desk
        self._sessions = sessions
        self._turns = turns
        self._may_go = may_go
        self._has_turn = has_turn
        self._heard = -_HEAR_SECONDS

    def work(self, ready: Callable[[], bool]) -> bool:
        """Roll until the worker is lost, to be replaced, or no longer needed; whether it is lost.

        ``ready``: is called first, and False where it is lost. A segment is made while the one
        before, of another session, is kept and committed.
        """
        with ThreadPoolExecutor(1, "longtake-ray-keeping") as thread:
            try:
                return not ready() or self._worked(thread)
            finally:
                if self._has_turn:
                    self._turns.release()

    def _worked(self, thread: ThreadPoolExecutor) -> bool:
        kept = thread.submit(lambda: True)
        while not kept.done() or kept.result():
            try:
                if self._is_retired():
                    return False
                if not self._takes_turn():
                    ticket = None
                else:
                    ticket = self._desk.next(self._replica.name, _HEAR_SECONDS)
            except LOST as error:
                _log.warning("worker %s is lost: %s", self._replica.name, error)
                return True
            if ticket is None and self._desk.is_closed:
                return False
            rolling = None if ticket is None else self._begun(ticket)
            if rolling is not None:
                if not self._is_made(rolling):
                    return True
                is_there = kept.result()
                kept = thread.submit(self._is_ended, rolling)
                if not is_there:
                    return True
        return True

    def _is_retired(self) -> bool:
        """Tell the worker of the queue, now and then; whether it is to be replaced now."""
        if time.monotonic() - self._heard < _HEAR_SECONDS:
            return False
        retiring = self._replica.hear(self._desk.status({}))
        self._heard = time.monotonic()
        return retiring and self._may_go()

    def _takes_turn(self) -> bool:
        """Whether the worker is one of those that roll; a spare one waits a little to be."""
        self._has_turn = self._has_turn or self._turns.acquire(timeout=_HEAR_SECONDS)
        return self._has_turn

    def _begun(self, ticket: lt.OrderTicket) -> Rolling | None:
        """Have the worker begin with the order; None where the store says that it cannot."""
        try:
            self._pin(ticket)
        except lt.LongtakeError as error:  # of the store
            failed = lt.OrderFailed(order_id=ticket.order.id, error=error)
            self._desk.end(self._replica.name, ticket, failed)
            return None
        return self._replica.begun(ticket)

    def _is_made(self, rolling: Rolling) -> bool:
        """Follow the order until the next one may be begun; whether the worker is still there."""
        try:
            rolling.wait_until_made()
        except LOST as error:
            self._lost(rolling.ticket, error)
            return False
        self._desk.made(self._replica.name, rolling.ticket)
        return True

    def _is_ended(self, rolling: Rolling) -> bool:
        """Follow the order to its end; whether the worker is still there."""
        ticket = rolling.ticket
        end: lt.OrderDone | lt.OrderFailed | lt.OrderCancelled
        try:
            end = rolling.end()
            if isinstance(end, lt.OrderFailed):
                self._replica.check_ranks()  # one of them may be why
        except ray.exceptions.RayTaskError as error:
            end = lt.OrderFailed(order_id=ticket.order.id, error=error)
        except LOST as error:
            self._lost(ticket, error)
            return False
        self._desk.end(self._replica.name, ticket, end)
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
                if time.monotonic() > give_up or ticket.cancelled.wait(_STORE_PAUSE):
                    raise
            else:
                ticket.order = evolve(ticket.order, expected_revision=revision)
                return

    def _lost(self, ticket: lt.OrderTicket, error: Exception) -> None:
        """What becomes of the order of a lost worker: it may have been committed."""
        order, worker = ticket.order, self._replica.name
        _log.warning("worker %s was lost at %s: %s", worker, order.id, error)
        self._replica.end(gently=False)
        try:
            end_claim(self._sessions, order.session_id, worker)
            done = found_committed(self._sessions, order, worker)
        except lt.SessionError as problem:
            done = None
            if ticket.cancelled.is_set():  # then nobody else will find out
                failed = lt.OrderFailed(order_id=order.id, error=problem)
                self._desk.end(worker, ticket, failed)
                return
        if done is not None:
            self._desk.end(worker, ticket, done)
        elif ticket.losses + 1 < _MOST_LOSSES or ticket.cancelled.is_set():
            self._desk.put_back(worker, ticket)
        else:
            told = f"{_MOST_LOSSES} workers were lost at it, the last one {worker}"
            failed = lt.OrderFailed(order_id=order.id, error=lt.LongtakeError(told))
            self._desk.end(worker, ticket, failed)
