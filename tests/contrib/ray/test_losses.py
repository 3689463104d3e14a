"""What a lost worker leaves in the store, and what is made of it."""

from __future__ import annotations

import pytest

pytest.importorskip("longtake_ray")

import longtake as lt
from longtake.testing.dispatchers.family import STEPS, steps_request
from longtake_ray.losses import end_claim, found_committed


@pytest.fixture
def sessions() -> lt.SessionStore:
    store = lt.open_session_store("memory:")
    store.create("a", family=STEPS.name, preset="default@1")
    return store


def order(revision: int) -> lt.StepOrder:
    request = steps_request("fog")
    return lt.StepOrder(id="a1", session_id="a", request=request, expected_revision=revision)


def test_what_it_had_committed_is_the_end_of_its_order(sessions: lt.SessionStore) -> None:
    assert found_committed(sessions, order(0), "w1") is None
    with lt.Pipeline(STEPS) as pipeline:
        rolled = lt.roll(sessions, "a", steps_request("fog"), pipeline=pipeline, worker="w1")
    done = lt.OrderDone(order_id="a1", segment=rolled.segment, revision=1)
    assert found_committed(sessions, order(0), "w1") == done
    assert found_committed(sessions, order(0), "w2") is None  # another's
    assert found_committed(sessions, order(1), "w1") is None  # of an order before


@pytest.mark.parametrize(("worker", "is_ended"), [("w1", True), ("w", False), ("w2", False)])
def test_its_claim_is_ended_and_nobody_elses(
    sessions: lt.SessionStore, worker: str, is_ended: bool
) -> None:
    assert isinstance(sessions, lt.SupportsClaims)
    assert sessions.begin("a", "step", holder="w1#77", for_seconds=60).granted
    end_claim(sessions, "a", worker)
    assert sessions.begin("a", "step", holder="w9", for_seconds=60).granted == is_ended


def test_no_claim_is_left_where_there_was_none(sessions: lt.SessionStore) -> None:
    assert isinstance(sessions, lt.SupportsClaims)
    end_claim(sessions, "a", "w1")
    assert sessions.begin("a", "step", holder="w9", for_seconds=60).granted
