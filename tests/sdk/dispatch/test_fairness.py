"""The queue is fair between sessions, keeps the order within one, and forgets nothing."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake.dispatch.fairness import FairQueue

REQUEST = lt.GenerationRequest("a tram")


def order(order_id: str, session: str) -> lt.StepOrder:
    return lt.StepOrder(id=order_id, session_id=session, request=REQUEST)


def queue_of(*names: str) -> FairQueue:
    """Orders named ``a1``, of session ``a``."""
    queue = FairQueue()
    for name in names:
        queue.add(order(name, name[0]))
    return queue


def rolled(queue: FairQueue, *workers: str) -> list[str]:
    """What the workers take, each ending its order before the next one takes."""
    taken = []
    for worker in workers:
        each = queue.take(worker)
        assert each is not None
        queue.ended(each)
        taken.append(each.id)
    return taken


def test_sessions_take_turns() -> None:
    queue = queue_of("a1", "a2", "a3", "b1", "b2", "c1")
    assert rolled(queue, *["w"] * 6) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert queue.take("w") is None


def test_one_session_is_never_rolled_twice_at_once() -> None:
    queue = queue_of("a1", "a2")
    first = queue.take("w1")
    assert first is not None
    assert queue.take("w2") is None
    queue.ended(first)
    second = queue.take("w2")
    assert second is not None
    assert second.id == "a2"


def test_a_worker_goes_on_with_its_session_where_that_passes_nobody_over_twice() -> None:
    queue = queue_of("a1", "b1")
    assert rolled(queue, "w1", "w2") == ["a1", "b1"]
    for name in ("a2", "b2", "a3", "b3"):
        queue.add(order(name, name[0]))
    assert rolled(queue, "w2", "w1", "w2", "w1") == ["b2", "a2", "b3", "a3"]


def test_a_session_is_passed_over_at_most_once() -> None:
    queue = queue_of("a1", "b1")
    assert rolled(queue, "w1", "w2") == ["a1", "b1"]
    for name in ("a2", "b2", "b3", "b4"):
        queue.add(order(name, name[0]))
    assert rolled(queue, "w2", "w2") == ["b2", "a2"]


def test_places_are_those_of_the_turns() -> None:
    queue = queue_of("a1", "a2", "b1", "c1", "c2")
    assert queue.places() == {"a1": 0, "b1": 1, "c1": 2, "a2": 3, "c2": 4}
    rolled(queue, "w")
    assert queue.places() == {"b1": 0, "c1": 1, "a2": 2, "c2": 3}
    assert len(queue) == 4


def test_what_is_removed_is_not_taken() -> None:
    queue = queue_of("a1", "a2", "b1")
    assert queue.remove("a1")
    assert queue.remove("b1")
    assert not queue.remove("b1")
    assert rolled(queue, "w") == ["a2"]
    assert not queue.remove("a2")
    assert len(queue) == 0


def test_what_is_put_back_comes_first_and_behind_nothing_of_its_session() -> None:
    queue = queue_of("a1", "a2", "b1", "c1")
    lost = queue.take("w")
    assert lost is not None
    queue.put_back(lost)
    assert queue.places() == {"a1": 0, "b1": 1, "c1": 2, "a2": 3}
    assert rolled(queue, *["v"] * 4) == ["a1", "b1", "c1", "a2"]


@given(
    st.lists(st.sampled_from("abcd"), max_size=30),
    st.lists(st.sampled_from(["w1", "w2", "w3"]), min_size=60, max_size=60),
)
def test_every_order_is_taken_once_in_its_sessions_order(
    sessions: list[str], workers: list[str]
) -> None:
    queue = FairQueue()
    numbers: Counter[str] = Counter()
    for session in sessions:
        numbers[session] += 1
        queue.add(order(f"{session}{numbers[session]}", session))
    taken = rolled(queue, *workers[: len(sessions)])
    assert len(queue) == 0
    for session, count in numbers.items():
        assert [t for t in taken if t[0] == session] == [f"{session}{n + 1}" for n in range(count)]


@given(st.lists(st.sampled_from(["w1", "w2", "w3"]), min_size=40, max_size=40))
def test_no_session_waits_for_more_than_two_rounds(workers: list[str]) -> None:
    sessions = "abcde"
    queue = queue_of(*(f"{session}{n}" for n in range(40) for session in sessions))
    taken = [name[0] for name in rolled(queue, *workers)]
    for session in sessions:
        turns = [-1, *(index for index, each in enumerate(taken) if each == session)]
        gaps = [after - before for before, after in itertools.pairwise(turns)]
        assert max([*gaps, len(taken) - turns[-1]]) <= 2 * len(sessions)
