"""The time left, by a clock that the tests turn."""

from __future__ import annotations

import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.cli.terminal.remaining import Costs, Remaining


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Take:
    """Stages of known seconds a step, rolled step by step."""

    def __init__(self, segments: int, steps: tuple[int, ...], costs: Costs = ()) -> None:
        self.clock = Clock()
        self.asked = 0
        self.steps = steps
        self.costs = costs
        self.remaining = Remaining(segments, len(steps), self.ask, now=self.clock)

    def ask(self) -> Costs:
        self.asked += 1
        return self.costs

    def roll(self, segment: int, seconds: tuple[float, ...], until: tuple[int, int]) -> None:
        """Run stages of ``seconds`` a step up to ``until``: that many steps of that stage."""
        self.remaining.begin(segment)
        for stage, a_step in enumerate(seconds):
            self.remaining.step(stage, 0, self.steps[stage])
            for step in range(1, self.steps[stage] + 1):
                if (stage, step) > until:
                    return
                self.clock.now += a_step
                self.remaining.step(stage, step, self.steps[stage])
        self.remaining.end()


ALL = (9, 9)


def test_nothing_is_known_before_anything_was_measured() -> None:
    take = Take(2, (1, 4))
    take.remaining.begin(0)
    assert take.remaining.of_segment() is None
    assert take.remaining.of_take() is None


def test_a_segment_takes_what_the_one_before_took() -> None:
    take = Take(3, (1, 4, 1))
    take.roll(0, (1, 10, 5), ALL)
    take.roll(1, (1, 10, 5), (1, 1))
    assert take.remaining.of_segment() == pytest.approx(30 + 5)
    assert take.remaining.of_take() == pytest.approx(35 + 46)


def test_time_goes_on_between_two_steps() -> None:
    take = Take(1, (4, 1))
    take.costs = [[4.0, 0.0]]
    take.roll(0, (10, 0), (0, 2))
    take.clock.now += 6
    assert take.remaining.of_segment() == pytest.approx(14)
    take.clock.now += 60
    assert take.remaining.of_segment() == 0


def test_stages_that_have_not_run_are_weighed_by_their_costs() -> None:
    take = Take(2, (1, 4, 2), costs=[[0.0, 40.0, 10.0], [0.0, 80.0, 10.0]])
    take.roll(0, (1, 10, 99), (1, 2))
    assert take.remaining.of_segment() == pytest.approx(20 + 10)
    assert take.remaining.of_take() == pytest.approx(30 + 1 + 80 + 10)


def test_a_stage_that_costs_more_in_a_later_segment_takes_longer_in_proportion() -> None:
    take = Take(3, (2,), costs=[[10.0], [30.0]])
    take.roll(0, (10,), ALL)
    take.remaining.begin(1)
    assert take.remaining.of_segment() == pytest.approx(60)
    assert take.remaining.of_take() == pytest.approx(120)


def test_costs_are_asked_for_once_and_not_in_a_short_take() -> None:
    short, long = Take(1, (4,)), Take(1, (4,))
    short.roll(0, (0.5,), ALL)
    long.roll(0, (5,), ALL)
    assert (short.asked, long.asked) == (0, 1)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.floats(0.1, 100)), min_size=1, max_size=4),
    st.integers(2, 5),
    st.data(),
)
def test_where_nothing_changes_it_is_exact_from_the_second_segment_on(
    stages: list[tuple[int, float]], segments: int, data: st.DataObject
) -> None:
    steps = tuple(count for count, _ in stages)
    seconds = tuple(each for _, each in stages)
    whole = sum(count * each for count, each in stages)
    take = Take(segments, steps)
    take.roll(0, seconds, ALL)
    stage = data.draw(st.integers(0, len(stages) - 1))
    step = data.draw(st.integers(0, steps[stage]))
    take.roll(1, seconds, (stage, step))
    done = sum(count * each for count, each in stages[:stage]) + step * seconds[stage]
    assert take.remaining.of_segment() == pytest.approx(whole - done, abs=1e-6)
    expected = whole - done + (segments - 2) * whole
    assert take.remaining.of_take() == pytest.approx(expected, abs=1e-6)


def calls_of_telling(segments: int) -> int:
    """How many calls it takes to say what is left of a take of so many segments."""
    take, calls = Take(segments, (4, 2), ((1.0, 2.0), (2.0, 2.0))), 0
    take.roll(0, (30.0, 1.0), until=(0, 3))

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        left = take.remaining.of_take()
    finally:
        sys.setprofile(before)
    assert left is not None
    return calls


def test_telling_what_is_left_takes_no_longer_in_a_longer_take() -> None:
    assert calls_of_telling(2000) == calls_of_telling(20)
