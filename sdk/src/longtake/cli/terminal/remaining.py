"""How long a segment and its take still need, from what has been measured so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

__all__ = ["Costs", "Remaining"]

Costs: TypeAlias = Sequence[Sequence[float]]
"""What each stage of each segment costs, in any one unit, such as FLOPs."""

_PATIENCE = 3.0
"""Seconds of a take after which its costs are asked for; a shorter one is not worth it."""


class Remaining:
    """A clock of a take: told of every step, it says what is left.

    A stage that has run takes as long as it took last, in proportion to its costs; one that has
    not, what its costs say in the seconds a unit that were measured so far. Where the costs are not
    known, nothing is said before a segment is over.

    ``segments``: how many there are to roll, each of ``stages`` stages. ``costs``: asked once, for
    as many segments, the last of which stands for those after it; empty when nothing is known.
    """

    def __init__(
        self,
        segments: int,
        stages: int,
        costs: Callable[[], Costs] = tuple,
        *,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._segments = segments
        self._stages = stages
        self._ask = costs
        self._costs: Costs | None = None
        self._now = now
        self._began = now()
        self._segment = 0
        self._measured: dict[int, tuple[int, float]] = {}
        """The segment that a stage ran in last, and how long."""
        self._stage, self._stage_began, self._step, self._total = 0, self._began, 0, 1
        self._step_ended = self._began

    def begin(self, segment: int) -> None:
        """Segment number ``segment`` begins, counted from 0."""
        self._segment, self._stage, self._step, self._total = segment, 0, 0, 1
        self._stage_began = self._step_ended = self._now()

    def step(self, stage: int, step: int, total: int) -> None:
        """``step`` of ``total`` steps of stage number ``stage`` are done; step 0 is its start."""
        now = self._now()
        if stage != self._stage:
            self._end_stage(now)
            self._stage, self._stage_began = stage, now
        self._step, self._total, self._step_ended = step, max(total, 1), now
        if self._costs is None and now - self._began > _PATIENCE:
            self._costs = self._ask()

    def end(self) -> None:
        """The segment is over."""
        self._end_stage(self._now())

    def of_segment(self) -> float | None:
        """Seconds that the segment needs, None when there is no telling."""
        later = self._sum(self._segment, self._stage + 1)
        here = self._of_stage()
        return None if later is None or here is None else here + later

    def of_take(self) -> float | None:
        """Seconds that the segment and those after it need, None when there is no telling."""
        left = self.of_segment()
        first = self._segment + 1
        alike = max(first, len(self._costs or ()) - 1)  # all from this one on cost the same
        for segment in range(first, min(alike + 1, self._segments)):
            whole = self._sum(segment, 0)
            count = self._segments - segment if segment == alike else 1
            left = None if left is None or whole is None else left + count * whole
        return left

    def _end_stage(self, now: float) -> None:
        self._measured[self._stage] = (self._segment, now - self._stage_began)

    def _of_stage(self) -> float | None:
        now = self._now()
        if not self._step:
            whole = self._predicted(self._segment, self._stage)
            return None if whole is None else max(0.0, whole - (now - self._stage_began))
        a_step = (self._step_ended - self._stage_began) / self._step
        return max(0.0, a_step * (self._total - self._step) - (now - self._step_ended))

    def _sum(self, segment: int, first: int) -> float | None:
        found = [self._predicted(segment, stage) for stage in range(first, self._stages)]
        known = [each for each in found if each is not None]
        return sum(known) if len(known) == len(found) else None

    def _predicted(self, segment: int, stage: int) -> float | None:
        cost = self._cost(segment, stage)
        if stage in self._measured:
            where, seconds = self._measured[stage]
            before = self._cost(where, stage)
            return seconds * cost / before if cost and before else seconds
        if segment > self._segment and stage == self._stage and self._step:
            here = self._cost(self._segment, stage)
            seconds = (self._step_ended - self._stage_began) / self._step * self._total
            return seconds * cost / here if cost and here else seconds
        rate = self._rate()
        return None if cost is None or rate is None else cost * rate

    def _cost(self, segment: int, stage: int) -> float | None:
        if not self._costs:
            return None
        costs = self._costs[min(segment, len(self._costs) - 1)]
        return costs[stage] if stage < len(costs) else None

    def _rate(self) -> float | None:
        """Seconds a unit, of all that ran so far."""
        seconds = units = 0.0
        for stage, (segment, took) in self._measured.items():
            if cost := self._cost(segment, stage):
                seconds, units = seconds + took, units + cost
        here = self._cost(self._segment, self._stage)
        if here and self._step and self._stage not in self._measured:
            seconds += self._step_ended - self._stage_began
            units += here * self._step / self._total
        return seconds / units if units else None
