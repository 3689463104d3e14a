"""An order that a worker is at, followed from the server until its end."""

from __future__ import annotations

from typing import Any

import ray
from attrs import define

import longtake as lt
from longtake_ray.parcels import unpacked
from longtake_ray.worker import Told

__all__ = ["ANSWER_SECONDS", "Rolling"]

ANSWER_SECONDS = 60.0
"""After which a worker that does not answer is lost."""
_NEWS_SECONDS = 0.1
"""For which news is waited for at a time; a cancel is told with the next question."""


@define(eq=False)
class Rolling:
    """An ``attempt`` of the worker of ``actor`` at an order.

    Each method tells the order's listener its progress meanwhile, and raises `LOST` errors.
    """

    ticket: lt.OrderTicket
    _actor: Any
    _attempt: str
    _result: Any
    _made: bool = False

    def wait_until_made(self) -> None:
        """Until the worker may be given the next order, also because this one is over."""
        told = self._told()
        while not told.made and not told.over:
            told = self._told()

    def end(self) -> lt.OrderDone | lt.OrderFailed | lt.OrderCancelled:
        """How the order ended, once it has."""
        while not self._told().over:
            pass
        end = unpacked(ray.get(self._result, timeout=ANSWER_SECONDS))
        if isinstance(end, Exception):
            return lt.OrderFailed(order_id=self.ticket.order.id, error=end)
        ended: lt.OrderDone | lt.OrderFailed | lt.OrderCancelled = end
        return ended

    def _told(self) -> Told:
        cancelled = self.ticket.cancelled.is_set()
        asked = self._actor.told.remote(self._attempt, cancelled, self._made, _NEWS_SECONDS)
        told: Told = ray.get(asked, timeout=ANSWER_SECONDS)
        self._made = told.made
        for event in told.events:
            self.ticket.tell(event)
        return told
