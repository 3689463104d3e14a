"""Observers are told every event of every run, and cannot hurt one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from longtake.results import Event

__all__ = ["Observers"]

logger = logging.getLogger(__name__)


class Observers:
    """Tells each observer every event; one that raises is reported once and left out after."""

    def __init__(self, observers: Sequence[Callable[[Event], None]] = ()) -> None:
        self._observers = list(observers)

    def notify(self, event: Event) -> None:
        """Tell all of them. Never raises."""
        for observer in tuple(self._observers):
            try:
                observer(event)
            except (Exception, SystemExit):  # isolation: an observer cannot hurt the run
                logger.exception("observer %r raised and is left out from now on", observer)
                self._observers.remove(observer)
