"""Who is told what happens to which take while it happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial

from longtake_serve.takes.views import TakeEvent

__all__ = ["Listeners"]

_log = logging.getLogger(__name__)

Callback = Callable[[TakeEvent], None]


class Listeners:
    """Callbacks by takes. One that raises is logged and told no more; it hurts nobody else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: dict[str, dict[object, Callback]] = {}

    def listen(self, take: str, callback: Callback) -> Callable[[], None]:
        """Have ``callback`` told the take's events from now on, until what comes back is called."""
        token = object()
        with self._lock:
            self._callbacks.setdefault(take, {})[token] = callback

        return partial(self._forget, take, token)

    def has(self, take: str) -> bool:
        """Whether anybody listens to the take."""
        return take in self._callbacks

    def tell(self, take: str, events: Iterable[TakeEvent]) -> None:
        """Tell those who listen to the take, one event after the other."""
        with self._lock:
            callbacks = list(self._callbacks.get(take, {}).items())
        events = tuple(events)
        for token, callback in callbacks:
            try:
                for event in events:
                    callback(event)
            except Exception:  # a listener's fault is its own
                _log.exception("a listener to take %s failed, and is told no more", take)
                self._forget(take, token)

    def _forget(self, take: str, token: object) -> None:
        with self._lock:
            mine = self._callbacks.get(take, {})
            mine.pop(token, None)
            if not mine:
                self._callbacks.pop(take, None)
