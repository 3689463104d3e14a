"""A listener for tests: it keeps what it is told, and waits for what it has not been told yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import longtake as lt

__all__ = ["Heard"]


class Heard:
    """Keeps an order's events. ``patience``: seconds after which one that is awaited is missing.

    ``at_once``: how many calls were in it at the same time, at most.
    """

    def __init__(self, patience: float) -> None:
        self.events: list[lt.OrderEvent] = []
        self.at_once = 0
        self._inside = 0
        self._patience = patience
        self._told = threading.Condition()

    def __call__(self, event: lt.OrderEvent) -> None:
        """The listener."""
        with self._told:
            self._inside += 1
            self.at_once = max(self.at_once, self._inside)
        time.sleep(0.001)  # another call would come in meanwhile
        with self._told:
            self._inside -= 1
            self.events.append(event)
            self._told.notify_all()

    def wait(self, fits: Callable[[lt.OrderEvent], bool], what: str) -> lt.OrderEvent:
        """The first event that fits, when it is there."""
        with self._told:
            self._told.wait_for(lambda: any(map(fits, self.events)), self._patience)
            found = [event for event in self.events if fits(event)]
            assert found, f"the listener was not told {what}; it was told {self.events[-3:]}"
            return found[0]

    def started(self) -> lt.OrderStarted:
        """That a worker has begun."""
        event = self.wait(lambda event: isinstance(event, lt.OrderStarted), "that it was started")
        assert isinstance(event, lt.OrderStarted)
        return event

    def end(self) -> lt.OrderEvent:
        """How the order ended."""
        ends = lt.OrderDone | lt.OrderFailed | lt.OrderCancelled
        return self.wait(lambda event: isinstance(event, ends), "how it ended")

    def done(self) -> lt.OrderDone:
        """That the segment is committed."""
        end = self.end()
        assert isinstance(end, lt.OrderDone), f"the order should be done, and ended with {end}"
        return end

    def failed(self) -> Exception:
        """Why nothing was committed."""
        end = self.end()
        assert isinstance(end, lt.OrderFailed), f"the order should fail, and ended with {end}"
        return end.error

    def cancelled(self) -> None:
        """That the order was cancelled."""
        end = self.end()
        assert isinstance(end, lt.OrderCancelled), f"it should be cancelled; it ended with {end}"

    def places(self) -> list[int]:
        """The places in the queue that were told so far."""
        with self._told:
            return [event.place for event in self.events if isinstance(event, lt.OrderQueued)]
