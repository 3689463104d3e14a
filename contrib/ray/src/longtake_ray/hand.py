"""The orders in a worker's hand: those that wait, one that is made, one that is kept, and news."""

from __future__ import annotations

import pickle
import threading
from collections import deque
from collections.abc import Collection

from attrs import define, field, frozen

import longtake as lt
from longtake_ray.parcels import Parcel, packed

__all__ = ["Begun", "Ended", "Given", "GivenBack", "Hand", "Made", "News", "Word"]

_AT_ONCE = 2
"""Orders that are rolled: one is made while another one is kept."""


@frozen
class Given:
    """An order for a worker. ``attempt``: a name that no other one has. ``pickled``: the order."""

    attempt: str
    order_id: str
    session_id: str
    pickled: bytes = field(repr=False)


@frozen
class Begun:
    """The worker has begun with the order."""


@frozen
class Made:
    """The order's segment is made, and is kept and committed now."""


@frozen
class GivenBack:
    """The worker has not begun with the order, and does not any more."""


@frozen
class Ended:
    """The order is over, as the parcel says."""

    end: Parcel


Word = Begun | Made | GivenBack | Ended | lt.OrderProgress


@frozen
class News:
    """What a worker tells: words on its attempts, in order, and ``hand``: attempts not over."""

    words: tuple[tuple[str, Word], ...]
    hand: tuple[str, ...]


@define(eq=False)
class _InHand:
    given: Given
    cancelled: threading.Event = field(factory=threading.Event)
    begun: bool = False
    made: bool = False


class Hand:
    """What a worker was given and is not over, and the threads that roll it, once they `begin`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._orders: dict[str, _InHand] = {}  # by attempt; those that were given first come first
        self._words: deque[tuple[str, Word]] = deque()
        self._making = threading.Lock()  # is let go by whichever thread has made a segment
        self._done = 0

    def begin(self, roller: lt.Roller) -> None:
        """Roll with it from now on what is given."""
        for _ in range(_AT_ONCE):
            threading.Thread(target=self._work, args=(roller,), daemon=True).start()

    def give(self, given: Given) -> None:
        """Have the order rolled behind those that were given before."""
        with self._changed:
            self._orders[given.attempt] = _InHand(given)
            self._changed.notify_all()

    def news(self, stopped: Collection[str], wanted: Collection[str], seconds: float) -> News:
        """What is new; it is waited for. ``stopped``: attempts that are to stop; ``wanted``: those
        that are wanted back unless they are begun.
        """
        with self._changed:
            for attempt in stopped:
                self._stop(attempt)
            for attempt in wanted:
                if attempt in self._orders and not self._orders[attempt].begun:
                    self._end(attempt, GivenBack())
            self._changed.wait_for(lambda: self._words, seconds)
            words = tuple(self._words)
            self._words.clear()
            return News(words, tuple(self._orders))

    def sessions(self) -> dict[str, str]:
        """The sessions of what is not over, by attempts."""
        with self._changed:
            return {name: each.given.session_id for name, each in self._orders.items()}

    def status(self, name: str, device: str) -> lt.WorkerStatus:
        """Of the worker of this name, and what it is making."""
        with self._changed:
            begun = [each.given for each in self._orders.values() if each.begun and not each.made]
            return lt.WorkerStatus(
                name=name,
                device=device,
                session_id=begun[0].session_id if begun else None,
                order_id=begun[0].order_id if begun else None,
                orders_done=self._done,
            )

    def _work(self, roller: lt.Roller) -> None:
        while True:
            self._making.acquire()
            attempt, order = self._next()

            def tell(event: lt.OrderEvent, attempt: str = attempt) -> None:
                assert isinstance(event, lt.OrderProgress)
                self._tell(attempt, event)

            def made(attempt: str = attempt, order: _InHand = order) -> None:
                order.made = True
                self._tell(attempt, Made())
                self._making.release()

            try:
                step = pickle.loads(order.given.pickled)
            except Exception as error:  # isolation: a plugin's class may not be here
                end = packed(error)
            else:
                end = packed(roller.rolled(step, order.cancelled, tell, made))
            with self._changed:
                self._done += 1
                self._end(attempt, Ended(end))
            if not order.made:
                self._making.release()

    def _next(self) -> tuple[str, _InHand]:
        """The order that is begun now; it is waited for."""
        with self._changed:
            while True:
                for attempt, order in self._orders.items():
                    if not order.begun:
                        order.begun = True
                        self._tell(attempt, Begun())
                        return attempt, order
                self._changed.wait()

    def _stop(self, attempt: str) -> None:
        order = self._orders.get(attempt)
        if order is None:
            return
        order.cancelled.set()
        if not order.begun:
            self._end(attempt, Ended(packed(lt.OrderCancelled(order_id=order.given.order_id))))

    def _end(self, attempt: str, word: Word) -> None:
        del self._orders[attempt]
        self._tell(attempt, word)

    def _tell(self, attempt: str, word: Word) -> None:
        with self._changed:
            self._words.append((attempt, word))
            self._changed.notify_all()
