"""Signals as requests to stop: a run ends within one step, everything else where it is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from longtake.errors import Cancelled

__all__ = ["Stopped", "Terminated", "cancelled_by_signals", "ended_by_sigterm", "signal_behind"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Cancelled):
    """A run was cancelled by the signal ``number``."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.number = number


class Terminated(KeyboardInterrupt):
    """SIGTERM where no run is going on: like Ctrl-C, it ends whatever is being done."""


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM raises `Terminated`, so that what is open is closed and one line says why.

    Nothing changes outside the main thread, or where SIGTERM has another effect than its usual one.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, _: FrameType | None) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def cancelled_by_signals() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one has its usual effect.

    `Cancelled` leaves it as `Stopped` when a signal has set the event. Outside the main thread,
    which alone may handle signals, nothing sets it.
    """
    cancel = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield cancel
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        cancel.set()
        signal.signal(number, before[number])

    for wanted in _SIGNALS:
        signal.signal(wanted, stop)
    try:
        yield cancel
    except Cancelled as error:
        if received:
            raise Stopped(received[0]) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def signal_behind(error: BaseException | None) -> int | None:
    """The signal that ended a command with ``error``; None when it was none.

    An import that is interrupted may raise something else on top; the signal counts then, too.
    """
    while error is not None:
        if isinstance(error, Stopped):
            return error.number
        if isinstance(error, Terminated):
            return signal.SIGTERM
        if isinstance(error, KeyboardInterrupt):
            return signal.SIGINT
        error = error.__cause__ or error.__context__
    return None
