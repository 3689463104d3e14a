"""A plugin for tests: an observer that keeps what it is told while somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import longtake as lt

__all__ = ["longtake_observers", "watched_runs"]

_watching: list[list[lt.RunEvent]] = []


@contextmanager
def watched_runs() -> Iterator[list[lt.RunEvent]]:
    """The events of all runs until the block is left, of pipelines whose registry has this."""
    events: list[lt.RunEvent] = []
    _watching.append(events)
    try:
        yield events
    finally:
        _watching[:] = [each for each in _watching if each is not events]


def _keep(event: lt.RunEvent) -> None:
    for events in _watching:
        events.append(event)


@lt.hookimpl
def longtake_observers() -> list[Callable[[lt.RunEvent], None]]:
    """Keeps every event for those who watch."""
    return [_keep]
