"""A family without weights whose segments take as many steps and seconds as the request says."""

from __future__ import annotations

import time
from typing import Any

from attrs import field, frozen

import longtake as lt

__all__ = ["STEPS", "longtake_families", "steps_request"]


@frozen(kw_only=True)
class StepsState:
    """``total``: of the numbers that all segments have drawn, which each next one shows."""

    segment_index: int = field(validator=lt.between(0, 10**6))
    seed: int
    total: int = field(validator=lt.between(0, 2**62))

    @property
    def take_defaults(self) -> dict[str, Any]:
        """What the next segment takes over."""
        return {"seed": self.seed}


@frozen(kw_only=True)
class StepsOptions:
    """``steps``: of a segment; ``seconds``: for which each of them sleeps."""

    steps: int = field(default=3, validator=lt.between(1, 10**6))
    seconds: float = field(default=0.0, validator=lt.between(0, 60))


@frozen
class Drawn:
    """``total``: as of `StepsState`, with this segment's number."""

    total: int


class Draw:
    """Draws a number by its prompt and seed, after its steps."""

    def __call__(
        self, job: lt.Job, options: StepsOptions, state: StepsState | None, run: lt.Run
    ) -> Drawn:
        for _ in run.steps(options.steps):
            time.sleep(options.seconds)
        number = run.random(f"draw {job.prompt}").randrange(2**30)
        return Drawn(number + (0 if state is None else state.total))


class Show:
    """Pictures of one shade: the total's last byte."""

    def __call__(self, drawn: Drawn, job: lt.Job) -> lt.Frames:
        import numpy as np  # late: whoever lists families does without

        size = (job.sampling.num_frames, job.sampling.height, job.sampling.width, 3)
        return lt.Frames(np.full(size, drawn.total % 256, np.uint8))


class Remember:
    """The state for the next segment."""

    def __call__(self, drawn: Drawn, job: lt.Job) -> StepsState:
        return StepsState(
            segment_index=job.segment_index, seed=job.sampling.seed, total=drawn.total
        )


STEPS = lt.ModelFamily(
    "longtake-testing-steps",
    (lt.StageSpec("draw", Draw, options=StepsOptions), Show, Remember),
    presets=(lt.Preset("default"),),
    defaults={"seed": 5, "height": 8, "width": 8, "num_frames": 9, "fps": 24},
    codecs=(lt.AttrsCodec("longtake-testing-steps.v1", StepsState),),
)
"""The family; rolled in other processes by a plugin that names this module."""


def steps_request(prompt: str, *, steps: int = 3, seconds: float = 0.0) -> lt.GenerationRequest:
    """A request for a segment of so many steps, each of so many seconds."""
    overrides = {"draw": {"steps": steps, "seconds": seconds}}
    return lt.GenerationRequest(prompt, stage_overrides=overrides)


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    """`STEPS`."""
    return [STEPS]
