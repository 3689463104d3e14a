"""One thing that is done behind the work of its owner: in order, at most one, nothing lost."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from contextvars import ContextVar

import pytest

from longtake.takes.behind import Behind

WAIT = 30


def _wait_for(event: threading.Event) -> None:
    assert event.wait(WAIT)


def test_things_are_done_behind_their_owner_in_order() -> None:
    may_go_on, done = threading.Event(), []

    def first() -> None:
        assert may_go_on.wait(WAIT)
        done.append("first")

    with Behind() as behind:
        behind.begin(first)
        assert not behind.is_done
        may_go_on.set()
        behind.begin(lambda: done.append("second"))
        assert done[0] == "first"  # at most one is not done
    assert done == ["first", "second"]
    assert behind.is_done


def test_a_thing_is_done_at_once_where_what_was_made_left_no_core() -> None:
    with Behind(cores=0.5) as behind:
        with behind.making():
            sum(range(100_000))
        behind.begin(lambda: time.sleep(0.05))
        assert behind.is_done


def test_a_thing_is_done_beside_what_leaves_a_core() -> None:
    may_go_on = threading.Event()
    with Behind(cores=1_000) as behind:
        with behind.making():
            sum(range(100_000))
        behind.begin(lambda: _wait_for(may_go_on))
        with behind.making():  # what is being done is no part of what is made
            assert not behind.is_done
        may_go_on.set()


def test_what_fails_at_once_is_told_by_whatever_comes_next() -> None:
    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"), Behind(cores=0.5) as behind:
        with behind.making():
            sum(range(100_000))
        behind.begin(fail)
        assert behind.failed


def test_what_is_raised_is_told_once_by_whatever_comes_next() -> None:
    def fail() -> None:
        raise OSError("full")

    done: list[str] = []
    with Behind() as behind:
        behind.begin(fail)
        while not behind.is_done:
            time.sleep(0.001)
        assert behind.failed
        with pytest.raises(OSError, match="full"):
            behind.begin(lambda: done.append("never"))
        assert not behind.failed
        behind.settle()
    assert not done


def test_leaving_the_block_waits_and_raises() -> None:
    may_fail = threading.Event()

    def fail() -> None:
        assert may_fail.wait(WAIT)
        raise OSError("full")

    with pytest.raises(OSError, match="full"), Behind() as behind:
        behind.begin(fail)
        may_fail.set()


def test_an_interrupt_is_raised_when_what_is_being_done_is_whole() -> None:
    done: list[str] = []

    def slow() -> None:
        time.sleep(0.1)  # until its owner waits for it
        _thread.interrupt_main()
        time.sleep(0.2)
        done.append("whole")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # some runners ignore it
    try:
        with Behind() as behind:
            with pytest.raises(KeyboardInterrupt):
                behind.begin(slow)
                behind.settle()
            assert done == ["whole"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_is_done_has_the_variables_of_whoever_began_it() -> None:
    name, seen = ContextVar("name", default=""), []
    name.set("tram")
    with Behind() as behind:
        behind.begin(lambda: seen.append(name.get()))
    assert seen == ["tram"]
