"""A queue in which sessions take turns, so that a long list of one never keeps the others waiting.

It is plain data without a lock: the dispatcher that owns it has one.
"""

from __future__ import annotations

from collections import deque

from longtake.dispatch.protocol import StepOrder

__all__ = ["FairQueue"]

_MOST_REMEMBERED = 1000
"""Sessions of which the last worker is remembered."""


class FairQueue:
    """Orders that wait, round-robin over sessions.

    Orders of one session come in the order in which they were added, and never two of them at once.
    A worker is preferably given a session that it rolled last, whose text and weights it has warm.
    That is a hint: a session whose turn it is is passed over for it at most once.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[StepOrder]] = {}  # by session; whose turn it is comes first
        self._rolling: set[str] = set()
        self._passed: set[str] = set()
        self._last_worker: dict[str, str] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, order: StepOrder) -> None:
        """Let the order wait behind those of its session."""
        self._waiting.setdefault(order.session_id, deque()).append(order)

    def take(self, worker: str) -> StepOrder | None:
        """The order that this worker rolls next; None while there is none for it.

        Its session has no other one taken until `ended` is called with it.
        """
        ready = [session for session in self._waiting if session not in self._rolling]
        if not ready:
            return None
        session = self._chosen(ready, worker)
        orders = self._waiting.pop(session)
        order = orders.popleft()
        if orders:
            self._waiting[session] = orders  # behind the other sessions
        self._passed.discard(session)
        self._rolling.add(session)
        self._remember(session, worker)
        return order

    def ended(self, order: StepOrder) -> None:
        """An order that was taken is over."""
        self._rolling.discard(order.session_id)

    def hold(self, session_id: str) -> None:
        """Have no order of the session taken until `release`."""
        self._rolling.add(session_id)

    def release(self, session_id: str) -> None:
        """The session's orders may be taken again."""
        self._rolling.discard(session_id)

    def put_back(self, order: StepOrder) -> None:
        """An order that was taken waits again, and comes before all others."""
        self.ended(order)
        session = order.session_id
        self._waiting = {session: deque([order, *self._waiting.pop(session, ())]), **self._waiting}

    def remove(self, order_id: str) -> bool:
        """Forget an order that waits; whether it did."""
        for session, orders in self._waiting.items():
            for order in orders:
                if order.id == order_id:
                    orders.remove(order)
                    if not orders:
                        del self._waiting[session]
                        self._passed.discard(session)
                    return True
        return False

    def places(self) -> dict[str, int]:
        """For each order that waits, by its id, how many are expected to be taken before it."""
        rounds = [
            (place, turn, order.id)
            for turn, orders in enumerate(self._waiting.values())
            for place, order in enumerate(orders)
        ]
        return {order_id: place for place, (_, _, order_id) in enumerate(sorted(rounds))}

    def _chosen(self, ready: list[str], worker: str) -> str:
        first = ready[0]
        if first in self._passed or self._last_worker.get(first, worker) == worker:
            return first
        for session in ready[1:]:
            if self._last_worker.get(session) == worker:
                self._passed.add(first)
                return session
        return first

    def _remember(self, session: str, worker: str) -> None:
        self._last_worker.pop(session, None)
        self._last_worker[session] = worker
        if len(self._last_worker) > _MOST_REMEMBERED:
            del self._last_worker[next(iter(self._last_worker))]
