"""What hangs fails by name, what is raised in time is raised."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from longtake.testing.hanging import each_in_time, in_time


def test_what_hangs_fails_and_says_at_what() -> None:
    forever = threading.Event()
    with pytest.raises(pytest.fail.Exception, match=r"second: still at it after 0\.05 seconds"):
        each_in_time(["first", "second"], _hang_at("second", forever), 0.05)
    forever.set()


def _hang_at(name: str, forever: threading.Event) -> Any:
    def check(item: str) -> None:
        if item == name:
            forever.wait()

    return check


def test_what_is_raised_in_time_is_raised() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        in_time(fail, lambda: "failing")
