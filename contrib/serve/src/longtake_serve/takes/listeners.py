"""Who is told what happens to which take while it happens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from longtake_serve.takes.views import TakeEvent

__all__ = ["Listeners"]

_log = logging.getLogger(__name__)

Callback = Callable[[TakeEvent], None]

_KNOWN_SECONDS = 0.5
"""After which the last event of a take is looked for again: another server may have kept one."""


class Listeners:
    """Callbacks by takes. One that raises is logged and told no more; it hurts nobody else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: dict[str, dict[object, Callback]] = {}
        self._last: dict[str, tuple[int, float]] = {}  # only of takes that are listened to

    def listen(self, take: str, callback: Callback) -> Callable[[], None]:
        """Have ``callback`` told the take's events from now on, until what comes back is called."""
        token = object()
        with self._lock:
            self._callbacks.setdefault(take, {})[token] = callback

        return partial(self._forget, take, token)

    def has(self, take: str) -> bool:
        """Whether anybody listens to the take."""
        return take in self._callbacks

    def know(self, take: str, last: int) -> None:
        """The id of the take's last event that is kept, as it was just read or written."""
        with self._lock:
            if take in self._callbacks:
                self._last[take] = (last, time.monotonic())

    def last(self, take: str) -> int | None:
        """What `know` was told; None where that is too long ago."""
        last, moment = self._last.get(take, (0, float("-inf")))
        return last if time.monotonic() - moment < _KNOWN_SECONDS else None

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
                self._last.pop(take, None)
