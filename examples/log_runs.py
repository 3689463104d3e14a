"""A plugin that writes a line to the log when a run is over."""

from __future__ import annotations

import logging
from collections.abc import Callable

import longtake as lt

log = logging.getLogger("longtake_runs")


def log_run(event: lt.RunEvent) -> None:
    if isinstance(event, lt.RunEnded):
        how = event.error or event.outcome
        log.info("%s of %s took %.1f s: %s", event.purpose, event.family, event.seconds, how)


@lt.hookimpl
def longtake_observers() -> list[Callable[[lt.RunEvent], None]]:
    return [log_run]
