"""How much of a run is done: the arithmetic of a fraction that never falls."""

from __future__ import annotations

import math
from collections.abc import Sequence

from longtake.families.stages import Recipe
from longtake.runs.events import StageShare

__all__ = ["RunProgress", "stage_shares"]

_STAGES = 0.99
"""What all stages fill together; the rest is the state and the result."""

_SMALLEST_SHARE = 0.005
"""Of every stage, however little it costs, where there are few."""


class RunProgress:
    """How far one run has come. ``stages``: empty where nobody is told, and nothing is counted."""

    def __init__(self, stages: Sequence[StageShare] = ()) -> None:
        self.stages = tuple(stages)
        self._before = [sum(each.weight for each in stages[:at]) for at in range(len(stages))]
        self.fraction = 0.0

    def step(self, stage_index: int, step: int, total: int) -> float:
        """``step`` of ``total`` steps of a stage are done; the fraction of the run that is done.

        A stage may count again, or backwards: the fraction stays where it was.
        """
        if stage_index < len(self.stages):
            share = self.stages[stage_index]
            done = 0.0 if step <= 0 or total <= 0 else 1.0 if step >= total else step / total
            reached = _STAGES * (self._before[stage_index] + share.weight * done)
            self.fraction = max(self.fraction, min(reached, _STAGES))
        return self.fraction

    def end_stage(self, stage_index: int) -> float:
        """A stage is done; the fraction of the run that is done."""
        return self.step(stage_index, 1, 1)

    def end(self) -> float:
        """The run is done."""
        self.fraction = 1.0
        return self.fraction


def stage_shares(recipe: Recipe, costs: Sequence[float] = ()) -> tuple[StageShare, ...]:
    """The weights of the stages of ``recipe``, which add up to 1.

    ``costs``: of each stage, in any one unit; where they are not those of this recipe, are no
    finite amounts or come to nothing, all stages weigh the same.
    """
    count, whole = len(recipe), math.fsum(costs)
    if len(costs) == count and math.isfinite(whole) and whole > 0 and min(costs) >= 0:
        least = min(_SMALLEST_SHARE, 0.5 / count)
        weights = [least + (1 - count * least) * (cost / whole) for cost in costs]
    else:
        weights = [1 / max(count, 1)] * count
    return tuple(
        StageShare(spec.name, index, weight)
        for index, (spec, weight) in enumerate(zip(recipe, weights, strict=True))
    )
