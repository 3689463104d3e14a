"""Moments and lengths of time as people read them."""

from __future__ import annotations

import time

__all__ = ["length", "moment"]


def moment(seconds: float) -> str:
    """When ``seconds`` since 1970 is on this machine's calendar: ``2026-03-01 14:05``."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):  # of a store whose clock is wrong by ages
        return "?"


def length(seconds: float) -> str:
    """``4.50 s``, or ``12 min 05 s`` from a minute on."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
