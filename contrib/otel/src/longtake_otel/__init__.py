"""OpenTelemetry for Longtake: a span for every run and stage, and metrics.

Importing this package imports no part of OpenTelemetry; the first event does.
"""

from __future__ import annotations

from collections.abc import Callable

import longtake as lt

__all__ = ["longtake_observers", "observe"]

__version__ = "0.1.0"

LONGTAKE_API = ">=1,<2"


@lt.hookimpl
def longtake_observers() -> list[Callable[[lt.RunEvent], None]]:
    """One observer, for the providers that the program has set."""
    return [observe]


def observe(event: lt.RunEvent) -> None:
    """Pass an event on to OpenTelemetry's tracer and meter providers."""
    from longtake_otel.telemetry import GLOBAL

    GLOBAL(event)
