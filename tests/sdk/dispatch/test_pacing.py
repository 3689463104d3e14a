"""Of steps that are quicker than anybody reads, not every one is told."""

from __future__ import annotations

from itertools import pairwise

import longtake as lt
from longtake.dispatch.pacing import STEP_SECONDS, Pace


def told(*seconds: float, steps: int) -> list[tuple[str, int]]:
    """What is told of two stages with so many steps, the first of which takes so long."""
    now = 0.0
    pace = Pace(lambda: now)
    found = []
    for stage in ("draw", "sing"):
        for step in range(steps + 1):
            if pace.tells(lt.Progress(stage, step, steps)):
                found.append((stage, step))
            now += seconds[0] if stage == "draw" else seconds[-1]
    return found


def test_slow_steps_are_all_told() -> None:
    all_steps = [(stage, step) for stage in ("draw", "sing") for step in range(5)]
    assert told(STEP_SECONDS, steps=4) == all_steps


def test_of_quick_steps_the_first_and_the_last_of_each_stage_are_told() -> None:
    ends = [(stage, step) for stage in ("draw", "sing") for step in (0, 100)]
    assert told(STEP_SECONDS / 1000, steps=100) == ends


def test_in_between_one_is_told_as_often_as_somebody_may_read_it() -> None:
    steps = [step for stage, step in told(STEP_SECONDS / 10, steps=100) if stage == "draw"]
    gaps = {after - before for before, after in pairwise(steps[:-1])}
    assert (steps[0], steps[-1]) == (0, 100)
    assert gaps <= {10, 11}, "as clocks round"
