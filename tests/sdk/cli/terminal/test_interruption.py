"""The first signal asks to stop, the second has its usual effect, and then all is as before."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from longtake.cli.terminal.interruption import cancelled_by_signals

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
