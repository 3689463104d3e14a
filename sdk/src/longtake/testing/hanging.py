"""Tests that must not hang: what takes much too long fails with what it was doing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import pytest

__all__ = ["PATIENCE_SECONDS", "each_in_time", "in_time"]

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
"""Far more than anything here takes on a slow machine: this finds what hangs, not what is slow."""


def in_time(work: Callable[[], T], what: Callable[[], str], seconds: float = PATIENCE_SECONDS) -> T:
    """What ``work`` returns or raises; the test fails with ``what()`` when it hangs.

    A thread that hangs is left behind.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(work())
        except BaseException as error:  # carried over to the test's thread
            errors.append(error)

    thread = threading.Thread(target=target, name="longtake-testing", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        pytest.fail(f"{what()}: still at it after {seconds:g} seconds")
    for error in errors:
        raise error
    return results[0]


def each_in_time(
    items: Iterable[T], check: Callable[[T], str | None], seconds: float = PATIENCE_SECONDS
) -> list[str]:
    """The complaints of ``check`` about ``items``, each item with the complaint about it."""
    current: list[T] = []

    def complaints() -> Iterator[str]:
        for item in items:
            current[:] = [item]
            if (complaint := check(item)) is not None:
                yield f"{item}: {complaint}"

    return in_time(lambda: list(complaints()), lambda: str(*current), seconds)
