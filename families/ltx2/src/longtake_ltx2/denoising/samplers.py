"""How latents go down the noise levels: which points are evaluated, in which order.

A sampler is a generator. It gives each point at which it wants the clean latents, is sent what is
predicted there, and returns the latents at the end. So whoever drives it counts the evaluations,
and the sampler knows of no network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import torch
from attrs import frozen

from longtake_ltx2.denoising.steps import Steps
from longtake_ltx2.stage_overrides.loops import SamplerName
from longtake_ltx2.values import NoisyLatents

if TYPE_CHECKING:
    from longtake_ltx2.forward.protocol import Both

__all__ = [
    "LAST_LEVEL",
    "Evaluate",
    "Point",
    "Sampling",
    "evaluated_levels",
    "evaluated_steps",
    "reusing",
    "stepwise",
    "walked",
]

LAST_LEVEL = 0.0011
"""Where the last step of ``res_2s`` ends: at 0 its logarithm would not."""


@frozen(eq=False)
class Point:
    """Latents ``[1, T, C]`` of both streams, fp32, and the noise level that they are at.

    ``sigma``: 0-D fp32. ``step``: the number that ``skip_step`` counts by.
    """

    video: torch.Tensor
    audio: torch.Tensor
    sigma: torch.Tensor
    step: int


Sampling: TypeAlias = "Generator[Point, Both, Both]"
Evaluate: TypeAlias = "Callable[[Point], Both]"
"""The guided clean latents of both streams, nothing laid over them yet."""


def evaluated_steps(sampler: SamplerName, num_steps: int) -> tuple[int, ...]:
    """`Point.step` of every point that a sampler evaluates, in their order.

    The middle of a second-order step counts as step 0, which is never skipped (ltx-pipelines).
    """
    if sampler != "res_2s":
        return tuple(range(num_steps))
    halves = [number for step in range(num_steps) for number in (step, 0)]
    return (*halves, num_steps)


def evaluated_levels(sampler: SamplerName, sigmas: Sequence[float]) -> tuple[float, ...]:
    """The noise level of every point that a sampler evaluates, in their order."""
    if sampler != "res_2s":
        return tuple(sigmas[:-1])
    ends = (*sigmas[:-1], LAST_LEVEL)
    halves = [level for one, other in pairwise(ends) for level in (one, math.sqrt(one * other))]
    return (*halves, LAST_LEVEL)


def walked(sampling: Sampling, evaluate: Evaluate, ticks: Iterable[int]) -> Both:
    """What a sampler returns; ``ticks``: one for each of its evaluations."""
    point = next(sampling)
    made: Both | None = None
    for _ in ticks:
        try:
            point = sampling.send(evaluate(point))
        except StopIteration as end:
            made = end.value
    assert made is not None  # or there are fewer ticks than evaluations
    return made


def reusing(evaluate: Evaluate, skip_step: int) -> Evaluate:
    """Of ``skip_step`` + 1 steps one is evaluated, the others take what was predicted last.

    As ltx-core's ``MultiModalGuider.should_skip_step`` where both streams skip alike.
    """
    last: Both | None = None

    def evaluated(point: Point) -> Both:
        nonlocal last
        if last is None or point.step % (skip_step + 1) == 0:
            last = evaluate(point)
        return last

    return evaluated


def stepwise(noisy: NoisyLatents, sigmas: torch.Tensor, onwards: Steps) -> Sampling:
    """One evaluation a step, at its beginning; ``sigmas``: ``[steps + 1]`` fp32."""
    video, audio = noisy.video.latents, noisy.audio.latents
    for step in range(len(sigmas) - 1):
        sigma, following = sigmas[step], sigmas[step + 1]
        video_x0, audio_x0 = yield Point(video, audio, sigma, step)
        video = onwards(video, video_x0, noisy.video, sigma, following)
        audio = onwards(audio, audio_x0, noisy.audio, sigma, following)
    return video, audio
