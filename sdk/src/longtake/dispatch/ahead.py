"""Orders that busy workers have ahead: which of them others should have instead.

It is plain data without a lock, as the queue that they were taken from.
"""

from __future__ import annotations

from attrs import define

__all__ = ["OrdersAhead"]

_MOST_ROUNDS = 4
"""In which all other workers may take newer orders, before one that is ahead is wanted."""


@define
class _Ahead:
    worker: str
    overtaken: int = 0
    wanted: bool = False


class OrdersAhead:
    """Orders, by their ids, that workers have ahead and have not begun.

    One is wanted back when another worker has nothing to do, and when others went on with many
    newer ones while its own worker is at a long segment: that one is slow until it begins another.
    """

    def __init__(self) -> None:
        self._orders: dict[str, _Ahead] = {}  # those that were taken first come first
        self._slow: set[str] = set()

    def __len__(self) -> int:
        return len(self._orders)

    def ids(self) -> list[str]:
        """Of all, in the order in which they were taken."""
        return list(self._orders)

    def add(self, order_id: str, worker: str) -> None:
        """The worker has taken the order."""
        self._orders[order_id] = _Ahead(worker)

    def is_slow(self, worker: str) -> bool:
        """Whether the worker should have nothing more ahead."""
        return worker in self._slow

    def begin(self, order_id: str, worker: str) -> None:
        """The worker has begun with the order, whether or not it had it ahead."""
        self.remove(order_id)
        self._slow.discard(worker)

    def remove(self, order_id: str) -> None:
        """The order is given back or over, if it was ahead at all."""
        self._orders.pop(order_id, None)

    def wanted_by(self, num_idle: int) -> list[str]:
        """The orders that are wanted from now on for so many workers with nothing to do."""
        missing = num_idle - sum(each.wanted for each in self._orders.values())
        last_first = [name for name, each in reversed(self._orders.items()) if not each.wanted]
        return self._wanted(last_first[: max(0, missing)])

    def overtaken(self, worker: str, num_workers: int) -> list[str]:
        """The orders that are wanted from now on, as the worker takes a newer one.

        ``num_workers``: that are rolling.
        """
        most = _MOST_ROUNDS * max(1, num_workers - 1)
        wanted = []
        for name, each in self._orders.items():
            each.overtaken += each.worker != worker
            if each.overtaken > most and not each.wanted:
                wanted.append(name)
                self._slow.add(each.worker)
        return self._wanted(wanted)

    def _wanted(self, order_ids: list[str]) -> list[str]:
        for order_id in order_ids:
            self._orders[order_id].wanted = True
        return order_ids
