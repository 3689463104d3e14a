"""A worker at work: it takes orders from the desk until it is lost, replaced or not needed."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from attrs import define, evolve

import longtake as lt
from longtake_ray.hand import Begun, Ended, GivenBack, Made, Word
from longtake_ray.losses import end_claim, found_committed
from longtake_ray.parcels import unpacked
from longtake_ray.replica import LOST, Replica

__all__ = ["Shift"]

_log = logging.getLogger(__name__)

_HEAR_SECONDS = 0.5
"""After which an idle worker is asked whether it is there."""
_NEWS_SECONDS = 0.1
"""For which news is waited for at a time; a cancel is told with the next question."""
_AHEAD = 2
"""Orders that a worker has in its hand besides the one that it makes.

It goes on with them while there is no server, and does not wait for one between segments.
"""
_MOST_LOSSES = 5
"""Workers that one order may lose: it may be what ends them."""
_STORE_SECONDS = 30.0
"""For which a session store that is away is waited for."""
_STORE_PAUSE = 1.0


@define(eq=False)
class _Held:
    """An order in the worker's hand, as far as is known here."""

    ticket: lt.OrderTicket
    begun: bool
    made: bool = False


class Shift:
    """The work of ``replica``, whose orders are of ``desk``.

    ``turns``: as many of a pool's workers roll at a time; the others are spare, and wait for a
    turn. ``has_turn``: of one that goes on. ``before``: the sessions of orders, by attempts, that
    it has of a server before, and that are held at the desk meanwhile: their next orders find
    their segments committed. ``may_go``: whether it may be replaced now.
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
        before: Mapping[str, str] | None = None,
    ) -> None:
        self._replica = replica
        self._desk = desk
        self._sessions = sessions
        self._turns = turns
        self._may_go = may_go
        self._has_turn = has_turn
        self._before = dict(before or {})
        self._hand: dict[str, _Held] = {}
        self._heard = -_HEAR_SECONDS
        self._leaving = False

    def work(self) -> bool:
        """Roll until the worker is lost, or goes because it is to; whether it is lost."""
        try:
            while self._goes_on():
                self._take()
                if self._hand or self._before:
                    self._hear_news()
        except LOST as error:
            _log.warning("worker %s is lost: %s", self._replica.name, error)
            self._lose()
            return True
        finally:
            if self._has_turn:
                self._turns.release()
        return False

    def _goes_on(self) -> bool:
        """Tell the worker of the queue, now and then; whether there is or may be work for it."""
        if time.monotonic() - self._heard >= _HEAR_SECONDS:
            retiring = self._replica.hear(self._desk.status({}))
            self._heard = time.monotonic()
            self._leaving = self._leaving or (retiring and self._may_go())
        if self._hand or self._before:
            return True
        return not self._leaving and not self._desk.is_closed

    def _take(self) -> None:
        """Give the worker what it is to make, and what it is to make after that."""
        if self._leaving:
            return
        name, idle = self._replica.name, not self._hand and not self._before
        self._has_turn = self._has_turn or self._turns.acquire(timeout=_HEAR_SECONDS if idle else 0)
        if not self._has_turn:
            return
        if not self._num_unmade():
            ticket = self._desk.next(name, _HEAR_SECONDS if idle else 0)
            if ticket is None:
                return
            self._give(ticket, begun=True)
        while self._num_unmade() <= _AHEAD:
            ticket = self._desk.ahead(name)
            if ticket is None:
                return
            self._give(ticket, begun=False)

    def _num_unmade(self) -> int:
        return len(self._before) + sum(not each.made for each in self._hand.values())

    def _give(self, ticket: lt.OrderTicket, *, begun: bool) -> None:
        """Have the worker roll the order; it is over where the store says that it cannot."""
        try:
            self._pin(ticket)
        except lt.LongtakeError as error:  # of the store
            failed = lt.OrderFailed(order_id=ticket.order.id, error=error)
            self._desk.end(self._replica.name, ticket, failed)
            return
        attempt = secrets.token_hex(8)
        self._hand[attempt] = _Held(ticket, begun)
        self._replica.give(attempt, ticket.order)

    def _hear_news(self) -> None:
        """Hear what became of the orders, and say what is wanted of them."""
        news = self._replica.news(
            [name for name, each in self._hand.items() if each.ticket.cancelled.is_set()],
            [
                name
                for name, each in self._hand.items()
                if not each.begun and (self._leaving or each.ticket.wanted.is_set())
            ],
            _NEWS_SECONDS,
        )
        for attempt, word in news.words:
            if attempt in self._hand:
                self._heed(attempt, self._hand[attempt], word)
        for attempt in [each for each in self._before if each not in news.hand]:
            self._desk.release(self._before.pop(attempt))

    def _heed(self, attempt: str, held: _Held, word: Word) -> None:
        name, ticket = self._replica.name, held.ticket
        match word:
            case Begun():
                if not held.begun:
                    held.begun = True
                    self._desk.begin(name, ticket)
            case Made():
                held.made = True
                self._desk.made(name, ticket)
            case GivenBack():
                del self._hand[attempt]
                self._desk.give_back(name, ticket)
            case Ended():
                end = unpacked(word.end)
                if isinstance(end, Exception):
                    end = lt.OrderFailed(order_id=ticket.order.id, error=end)
                if isinstance(end, lt.OrderFailed):
                    self._replica.check_ranks()  # one of them may be why
                del self._hand[attempt]
                self._desk.end(name, ticket, end)
            case lt.OrderProgress():
                ticket.tell(word)

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

    def _lose(self) -> None:
        """The worker is lost: its orders go back to the desk, unless they were committed."""
        self._replica.end(gently=False)
        for session in self._before.values():
            with suppress(lt.SessionError):
                end_claim(self._sessions, session, self._replica.name)
            self._desk.release(session)
        for held in reversed(self._hand.values()):  # the first one goes back as the last
            self._lost(held.ticket, begun=held.begun)

    def _lost(self, ticket: lt.OrderTicket, *, begun: bool) -> None:
        """What becomes of the order of a lost worker: it may have been committed."""
        order, worker = ticket.order, self._replica.name
        try:
            end_claim(self._sessions, order.session_id, worker)
            done = found_committed(self._sessions, order, worker)
        except lt.SessionError as error:
            done = None
            if ticket.cancelled.is_set():  # then nobody else will find out
                failed = lt.OrderFailed(order_id=order.id, error=error)
                self._desk.end(worker, ticket, failed)
                return
        if done is not None:
            self._desk.end(worker, ticket, done)
        elif not begun:
            self._desk.give_back(worker, ticket)
        elif ticket.losses + 1 < _MOST_LOSSES or ticket.cancelled.is_set():
            self._desk.put_back(worker, ticket)
        else:
            problem = f"{_MOST_LOSSES} workers were lost at it, the last one {worker}"
            failed = lt.OrderFailed(order_id=order.id, error=lt.LongtakeError(problem))
            self._desk.end(worker, ticket, failed)
