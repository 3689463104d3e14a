"""One thread that keeps the book of what a dispatcher tells: no worker waits for a store."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import longtake as lt

__all__ = ["Clerk"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
"""Seconds between looks at a store that is away."""


class Clerk(Generic[T]):
    """Does ``handle`` with what it is given, one after the other, in a thread of its own.

    A session store that is away or full is waited for until the clerk is closed, so ``handle``
    must be something that may be done again. What else it raises is logged.
    """

    def __init__(self, handle: Callable[[T], None]) -> None:
        self._handle = handle
        self._inbox: queue.SimpleQueue[T | threading.Event] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="longtake-serve", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Have it handled behind all that was put before."""
        self._inbox.put(item)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait for what was put before; whether it was handled in time."""
        done = threading.Event()
        self._inbox.put(done)
        return done.wait(timeout)

    def close(self) -> None:
        """Handle what was put before, waiting for no store any more, and end the thread."""
        self._closing.set()
        self._inbox.put(self._closing)
        self._thread.join()

    def _work(self) -> None:
        while True:
            item = self._inbox.get()
            if item is self._closing:
                return
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._patiently(item)

    def _patiently(self, item: T) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._handle(item)
            except (lt.SessionStoreUnavailable, lt.SessionStoreFull) as error:
                _log.warning("the book cannot be kept for now: %s", error)
            except Exception:  # one order's fault must not end the work of all others
                return _log.exception("what became of an order could not be kept: %r", item)
            if self._closing.wait(pause):
                return _log.warning("left for the next start: %r", item)
            pause = min(2 * pause, _LONGEST_PAUSE)
