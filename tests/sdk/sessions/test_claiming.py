"""Claims: another's is waited for while it is renewed, and nothing relies on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

import longtake as lt
from longtake.sessions.claiming import HeldClaim, claimed
from tests.sdk.sessions.rooms import Grumpy
from tests.sdk.toy_family import FOG


def late(begin: float) -> Callable[[], bool]:
    """Which ends a wait that would never end."""
    return lambda: time.monotonic() > begin + 30


def store() -> Any:
    made = lt.open_session_store("memory:")
    made.create("s", family="fog")
    return made


def claim(
    sessions: Any,
    holder: str,
    seconds: float,
    cancel: Callable[[], bool] = lambda: False,
    wait: float = 600.0,
) -> AbstractContextManager[HeldClaim]:
    return claimed(
        sessions,
        "s",
        "step",
        holder=holder,
        for_seconds=seconds,
        wait_seconds=wait,
        cancel=cancel,
    )


@contextmanager
def stubborn(sessions: Any, holder: str) -> Iterator[None]:
    """A worker that hangs while a thread renews its claim, whatever the answer is."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(0.02):
            sessions.begin("s", "step", holder=holder, for_seconds=0.5)

    sessions.begin("s", "step", holder=holder, for_seconds=0.5)
    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_claim_is_renewed_while_the_block_runs_and_gone_after_it() -> None:
    sessions = store()
    with claim(sessions, "one", 0.3) as held:
        assert not held.waited
        time.sleep(0.7)
        assert not sessions.begin("s", "step", holder="two", for_seconds=1).granted
    assert sessions.begin("s", "step", holder="two", for_seconds=1).granted


def test_anothers_claim_is_waited_for_as_long_as_it_says() -> None:
    sessions = store()
    sessions.begin("s", "step", holder="one that died", for_seconds=0.4)
    begin = time.monotonic()
    with claim(sessions, "two", 10) as held:
        assert held.waited
        assert time.monotonic() - begin >= 0.3


def test_waiting_ends_when_it_is_cancelled() -> None:
    sessions = store()
    sessions.begin("s", "step", holder="one", for_seconds=600)
    with pytest.raises(lt.Cancelled), claim(sessions, "two", 10, lambda: True):
        raise AssertionError("the block was entered")


def test_a_store_without_claims_or_away_keeps_nobody_from_work() -> None:
    for sessions in (object(), lt.RowSessionStore(Grumpy(store().rows, fails=set(range(1000))))):
        entered = 0
        with claim(sessions, "one", 10) as held:
            entered += not held.waited
        assert entered == 1


def test_a_claim_that_is_renewed_for_ever_keeps_nobody_for_ever() -> None:
    sessions = store()
    with stubborn(sessions, "one that hangs"):
        begin = time.monotonic()
        with claim(sessions, "two", 10, late(begin), wait=0.6) as held:
            assert held.waited
            assert time.monotonic() - begin >= 0.5


def test_who_was_waited_for_too_long_has_lost_its_claim_for_good() -> None:
    sessions = store()
    with claim(sessions, "one that hangs", 0.3):
        with claim(sessions, "two", 0.3, wait=0.5) as held:
            assert held.waited
            time.sleep(0.3)
            assert sessions.begin("s", "step", holder="three", for_seconds=1).holder == "two"
        time.sleep(0.3)  # the first one's renewal would come back meanwhile
        assert sessions.begin("s", "step", holder="three", for_seconds=1).granted


class Scripted:
    """A store whose claims are in other hands, one after another, and then free."""

    def __init__(self, *others: tuple[str, str]) -> None:
        self.others = list(others)
        self.ended: list[str] = []

    def begin(self, session_id: str, step: str, *, holder: str, for_seconds: float) -> lt.Claim:
        if not self.others:
            return lt.Claim(holder=holder, step=step, seconds_left=for_seconds, granted=True)
        other, at = self.others.pop(0)
        return lt.Claim(holder=other, step=at, seconds_left=60.0, granted=False)

    def end(self, session_id: str, *, holder: str) -> None:
        self.ended.append(holder)
        self.others = [each for each in self.others if each[0] != holder]


@pytest.mark.parametrize(
    ("others", "left"),
    [
        pytest.param([("one", "step"), ("three", "step")], 0, id="another on the same step"),
        pytest.param([("one", "step"), ("three", "next"), ("four", "last")], 1, id="the next step"),
    ],
)
def test_whoever_waits_looks_again_when_the_session_may_have_gone_on(
    others: list[tuple[str, str]], left: int
) -> None:
    """Else one that finds each next segment claimed already would wait for all of them."""
    sessions = Scripted(*others)
    with claim(sessions, "two", 60) as held:
        assert held.waited
        assert len(sessions.others) == left


def test_of_those_who_waited_too_long_one_goes_on_and_the_others_wait_for_that_one() -> None:
    sessions = Scripted(*[("one", "step")] * 100, ("three", "step"))
    with claim(sessions, "two", 60, wait=0.4) as held:
        assert held.waited
    assert sessions.ended == ["one", "two"]


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), True, "9"])
def test_how_long_to_wait_is_a_number_of_seconds(seconds: Any) -> None:
    sessions = store()
    with lt.Pipeline(FOG) as pipeline, pytest.raises(lt.ValidationError, match="wait_seconds"):
        lt.roll(sessions, "s", "mist", pipeline=pipeline, wait_seconds=seconds)
