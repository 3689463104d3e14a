"""The first signal asks to stop, the second has its usual effect, and then all is as before."""

from __future__ import annotations

import os
import signal
import threading

import pytest

import longtake as lt
from longtake.cli.terminal.interruption import (
    Stopped,
    Terminated,
    cancelled_by_signals,
    ended_by_sigterm,
    signal_behind,
)

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_sets_the_event_and_the_second_is_as_usual(number: int) -> None:
    received: list[int] = []
    before = signal.signal(number, lambda given, _: received.append(given))
    usual = signal.getsignal(number)
    try:
        with cancelled_by_signals() as cancel:
            assert not cancel.is_set()
            os.kill(os.getpid(), number)
            assert cancel.is_set()
            assert received == []
            os.kill(os.getpid(), number)
            assert received == [number]
        assert signal.getsignal(number) is usual
    finally:
        signal.signal(number, before)


def test_handlers_are_as_before_after_an_error_too() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(KeyError), cancelled_by_signals():
        raise KeyError
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_in_another_thread_nothing_sets_it() -> None:
    before, states = [signal.getsignal(number) for number in SIGNALS], []

    def run() -> None:
        with cancelled_by_signals() as cancel:
            states.append((cancel.is_set(), [signal.getsignal(n) for n in SIGNALS] == before))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert states == [(False, True)]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_run_that_a_signal_has_cancelled_says_which(number: int) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with pytest.raises(Stopped) as stopped, cancelled_by_signals():
            os.kill(os.getpid(), number)
            raise lt.Cancelled("the run was cancelled")
    finally:
        signal.signal(number, before)
    assert stopped.value.number == number
    assert isinstance(stopped.value, lt.Cancelled)


def test_a_run_that_was_cancelled_otherwise_says_so() -> None:
    with pytest.raises(lt.Cancelled) as cancelled, cancelled_by_signals():
        raise lt.Cancelled("by somebody else")
    assert not isinstance(cancelled.value, Stopped)


def test_sigterm_ends_what_is_being_done() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(Terminated), ended_by_sigterm():
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_whoever_handles_sigterm_keeps_it() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        with ended_by_sigterm():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]


def caught_on_top(error: BaseException) -> BaseException:
    """What an import makes of ``error``."""
    try:
        try:
            raise error
        except BaseException:
            raise ImportError("cannot import name") from None
    except ImportError as other:
        return other


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (KeyboardInterrupt(), signal.SIGINT),
        (Terminated(), signal.SIGTERM),
        (Stopped(signal.SIGTERM), signal.SIGTERM),
        (caught_on_top(KeyboardInterrupt()), signal.SIGINT),
        (lt.Cancelled("by somebody else"), None),
        (RuntimeError(), None),
        (None, None),
    ],
)
def test_the_signal_behind_an_error(error: BaseException | None, number: int | None) -> None:
    assert signal_behind(error) == number
