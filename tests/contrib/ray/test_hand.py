"""The orders in a worker's hand, without any cluster."""

from __future__ import annotations

import pickle
import time
from collections.abc import Collection

import pytest

pytest.importorskip("longtake_ray")

import longtake as lt
from longtake.testing.dispatchers.family import STEPS, steps_request
from longtake_ray.hand import Begun, Ended, Given, GivenBack, Hand, Made, News, Word
from longtake_ray.parcels import unpacked

PATIENCE = 60.0


@pytest.fixture
def sessions() -> lt.SessionStore:
    store = lt.open_session_store("memory:")
    for session in "abcd":
        store.create(session, family=STEPS.name, preset="default@1")
    return store


class Slow:
    """A media sink that takes its time."""

    def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> tuple[str, ...]:
        time.sleep(0.2)
        return ()


@pytest.fixture
def hand(sessions: lt.SessionStore) -> Hand:
    hand = Hand()
    hand.begin(lt.Roller("w1", lt.Pipeline(STEPS), sessions, None, Slow()))
    return hand


def given(name: str, *, seconds: float = 0.0) -> Given:
    """The order ``a1`` of session ``a``, in three steps of so many seconds."""
    request = steps_request(name, seconds=seconds)
    order = lt.StepOrder(id=name, session_id=name[0], request=request, expected_revision=0)
    return Given(f"attempt of {name}", name, name[0], pickle.dumps(order))


def told(
    hand: Hand, number: int, *, stopped: Collection[str] = (), wanted: Collection[str] = ()
) -> list[tuple[str, Word]]:
    """All that it tells until so many orders are over."""
    words: list[tuple[str, Word]] = []
    end = time.monotonic() + PATIENCE
    while sum(isinstance(word, Ended | GivenBack) for _, word in words) < number:
        assert time.monotonic() < end
        news: News = hand.news(stopped, wanted, 0.1)
        words += [
            (attempt.removeprefix("attempt of "), word)
            for attempt, word in news.words
            if not isinstance(word, lt.OrderProgress)
        ]
    return words


def test_a_segment_is_made_while_the_one_before_is_kept(
    hand: Hand, sessions: lt.SessionStore
) -> None:
    for name in ("a1", "b1", "c1"):
        hand.give(given(name))
    words = told(hand, 3)
    kinds = [(name, type(word)) for name, word in words]
    assert kinds.index(("b1", Begun)) < kinds.index(("a1", Ended)) < kinds.index(("c1", Made))
    assert [name for name, kind in kinds if kind is Made] == ["a1", "b1", "c1"]
    ends = [unpacked(word.end) for _, word in words if isinstance(word, Ended)]
    assert all(isinstance(end, lt.OrderDone) for end in ends)
    assert [sessions.read(each).num_segments for each in "abcd"] == [1, 1, 1, 0]
    assert (hand.sessions(), hand.status("w1", "cpu").orders_done) == ({}, 3)


def test_it_says_what_it_has(hand: Hand) -> None:
    for name in ("a1", "b1"):
        hand.give(given(name, seconds=3))
    while not hand.status("w1", "cpu").order_id:
        time.sleep(0.01)
    assert hand.status("w1", "cpu") == lt.WorkerStatus(
        name="w1", device="cpu", session_id="a", order_id="a1"
    )
    assert hand.sessions() == {"attempt of a1": "a", "attempt of b1": "b"}
    ends = told(hand, 2, stopped=list(hand.sessions()))
    assert {unpacked(word.end) for _, word in ends if isinstance(word, Ended)} == {
        lt.OrderCancelled(order_id="a1"),
        lt.OrderCancelled(order_id="b1"),
    }


def test_what_is_wanted_is_given_back_unless_it_is_begun(
    hand: Hand, sessions: lt.SessionStore
) -> None:
    for name in ("a1", "b1"):
        hand.give(given(name, seconds=0.1))
    while not hand.status("w1", "cpu").order_id:
        time.sleep(0.01)
    words = told(hand, 2, wanted=list(hand.sessions()))
    ends = [(name, type(word)) for name, word in words if isinstance(word, Ended | GivenBack)]
    assert ends == [("b1", GivenBack), ("a1", Ended)]
    assert sessions.read("b").num_segments == 0


def test_an_order_that_cannot_be_read_ends_and_the_next_one_is_made(hand: Hand) -> None:
    hand.give(Given("attempt of a1", "a1", "a", b"nothing"))
    hand.give(given("b1"))
    ends = [unpacked(word.end) for _, word in told(hand, 2) if isinstance(word, Ended)]
    assert isinstance(ends[0], pickle.UnpicklingError)
    assert isinstance(ends[1], lt.OrderDone)
