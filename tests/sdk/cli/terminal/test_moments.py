"""Moments and lengths of time as people read them."""

from __future__ import annotations

import time

import pytest

from longtake.cli.terminal.moments import length, moment


def test_a_moment_is_on_this_machines_calendar() -> None:
    at = time.mktime((2026, 3, 1, 14, 5, 59, 0, 0, -1))
    assert moment(at) == "2026-03-01 14:05"


@pytest.mark.parametrize("seconds", [1e30, -1e30, float("nan"), float("inf")])
def test_what_is_on_no_calendar_is_no_error(seconds: float) -> None:
    assert moment(seconds) == "?"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.00 s"), (4.5, "4.50 s"), (60, "1 min 00 s"), (725.4, "12 min 05 s")],
)
def test_a_length(seconds: float, said: str) -> None:
    assert length(seconds) == said
