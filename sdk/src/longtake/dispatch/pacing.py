"""Which of a run's progress is told on its way to another thread, process or machine."""

from __future__ import annotations

import time
from collections.abc import Callable

from longtake.runs.events import Progress

__all__ = ["STEP_SECONDS", "Pace"]

STEP_SECONDS = 0.1
"""From one step of a stage that is told to the next; some families make a hundred in that time."""


class Pace:
    """Says of each progress of a run whether it is told: of quick steps not every one is.

    A stage's first and last always are, and so is each that takes `STEP_SECONDS`. ``clock``: in
    seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage = ""
        self._next = 0.0

    def tells(self, progress: Progress) -> bool:
        """Whether it is told. Called with one after the other."""
        now = self._clock()
        is_within = progress.stage == self._stage and progress.step < progress.total
        if is_within and now < self._next:
            return False
        self._stage, self._next = progress.stage, now + STEP_SECONDS
        return True
