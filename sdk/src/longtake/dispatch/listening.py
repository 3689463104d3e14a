"""Telling an order's listener of its events: in their order, one at a time, and under no lock."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from longtake.dispatch.protocol import OrderCancelled, OrderDone, OrderEvent, OrderFailed

__all__ = ["Mailbox"]

logger = logging.getLogger(__name__)


class Mailbox:
    """Events of one order on their way to its listener.

    Whoever makes one posts it, also under a lock of its own, and delivers when it holds none. Of
    several threads that deliver, one tells the listener; the others go on at once.

    ``ended``: is called when the listener was told the last event.
    """

    def __init__(self, listener: Callable[[OrderEvent], None], ended: Callable[[], None]) -> None:
        self._listener = listener
        self._ended = ended
        self._events: deque[OrderEvent] = deque()
        self._lock = threading.Lock()
        self._delivering = False

    def post(self, event: OrderEvent) -> None:
        """Put the event behind those that were posted before."""
        with self._lock:
            self._events.append(event)

    def deliver(self) -> None:
        """Tell the listener what was posted, unless another thread is at it."""
        with self._lock:
            if self._delivering:
                return
            self._delivering = True
        try:
            while (event := self._next()) is not None:
                self._tell(event)
        except BaseException:
            with self._lock:
                self._delivering = False
            raise

    def _next(self) -> OrderEvent | None:
        with self._lock:
            if self._events:
                return self._events.popleft()
            self._delivering = False
            return None

    def _tell(self, event: OrderEvent) -> None:
        try:
            self._listener(event)
        except (Exception, SystemExit):  # isolation: a listener cannot hurt its order or a worker
            logger.warning(
                "the listener of order %s raised at %s",
                event.order_id,
                type(event).__name__,
                exc_info=True,
            )
        finally:
            if isinstance(event, OrderDone | OrderFailed | OrderCancelled):
                self._ended()
