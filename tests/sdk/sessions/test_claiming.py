"""Claims: another's is waited for while it is renewed, and nothing relies on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

import longtake as lt
from longtake.sessions.claiming import claimed
from tests.sdk.sessions.rooms import Grumpy


def store() -> Any:
    made = lt.open_session_store("memory:")
    made.create("s", family="fog")
    return made


def claim(
    sessions: Any, holder: str, seconds: float, cancel: Callable[[], bool] = lambda: False
) -> AbstractContextManager[bool]:
    return claimed(sessions, "s", "step", holder=holder, for_seconds=seconds, cancel=cancel)


def test_a_claim_is_renewed_while_the_block_runs_and_gone_after_it() -> None:
    sessions = store()
    with claim(sessions, "one", 0.3) as waited:
        assert not waited
        time.sleep(0.7)
        assert not sessions.begin("s", "step", holder="two", for_seconds=1).granted
    assert sessions.begin("s", "step", holder="two", for_seconds=1).granted


def test_anothers_claim_is_waited_for_as_long_as_it_says() -> None:
    sessions = store()
    sessions.begin("s", "step", holder="one that died", for_seconds=0.4)
    begin = time.monotonic()
    with claim(sessions, "two", 10) as waited:
        assert waited
        assert time.monotonic() - begin >= 0.3


def test_waiting_ends_when_it_is_cancelled() -> None:
    sessions = store()
    sessions.begin("s", "step", holder="one", for_seconds=600)
    with pytest.raises(lt.Cancelled), claim(sessions, "two", 10, lambda: True):
        raise AssertionError("the block was entered")


def test_a_store_without_claims_or_away_keeps_nobody_from_work() -> None:
    for sessions in (object(), lt.RowSessionStore(Grumpy(store().rows, fails=set(range(1000))))):
        entered = 0
        with claim(sessions, "one", 10) as waited:
            entered += not waited
        assert entered == 1
