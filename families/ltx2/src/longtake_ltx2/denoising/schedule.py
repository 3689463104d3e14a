"""Noise levels from 1 to 0: the shifted linear schedule and the distilled tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

__all__ = [
    "DISTILLED_SIGMAS",
    "INPAINT_SIGMAS",
    "REFINE_SIGMAS",
    "check_sigmas",
    "fewer_steps",
    "official_sigmas",
    "shifted_sigmas",
]

DISTILLED_SIGMAS = (1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875, 0.0)
"""The eight steps that the distilled checkpoints were trained for (ltx-pipelines)."""

REFINE_SIGMAS = (0.909375, 0.725, 0.421875, 0.0)
"""The three steps of the second pass (ltx-pipelines)."""

INPAINT_SIGMAS = (0.725, 0.4219, 0.0)
"""The two steps of the second pass of Lightricks' graphs for inpainting, as they round them."""

_BASE_TOKENS, _BASE_SHIFT = 1024, 0.95
_MAX_TOKENS, _MAX_SHIFT = 4096, 2.05
_TERMINAL = 0.1


def check_sigmas(sigmas: Sequence[float]) -> None:
    """Raises `ValueError` unless each level is below the one before, and the last one is 0."""
    if sigmas[-1] != 0 or any(high <= low for high, low in pairwise(sigmas)):
        raise ValueError(f"is {list(sigmas)}; each must be below the one before, and the last 0")


def shifted_sigmas(num_steps: int, tokens: int) -> tuple[float, ...]:
    """``num_steps + 1`` noise levels, last one 0, shifted for ``tokens`` video tokens.

    Linear from 1 to 1/n, shifted by ``e^mu / (e^mu + (1/s - 1))`` with mu linear in the tokens,
    then stretched so that the last one before 0 is 0.1; in fp32 (diffusers
    ``FlowMatchEulerDiscreteScheduler``). Needs at least two steps: one would be stretched by 0/0.
    """
    import numpy as np

    shift = _shift(num_steps, tokens)
    linear = np.linspace(1.0, 1.0 / num_steps, num_steps).astype(np.float32)
    distance = 1 - shift / (shift + (1 / linear - 1))
    stretched = 1 - distance / (distance[-1] / (1 - _TERMINAL))
    return (*(float(sigma) for sigma in stretched), 0.0)


def official_sigmas(num_steps: int, tokens: int) -> tuple[float, ...]:
    """The same formula as ltx-core's ``LTX2Scheduler`` rounds it: with torch, in its order.

    The stretch takes small differences and the networks see a thousand times the level, so the
    last bits show in the latents.
    """
    import torch

    shift = _shift(num_steps, tokens)
    linear = torch.linspace(1.0, 0.0, num_steps + 1)[:-1]
    distance = 1.0 - shift / (shift + (1 / linear - 1))
    stretched = 1.0 - distance / (distance[-1] / (1.0 - _TERMINAL))
    return (*stretched.tolist(), 0.0)


def _shift(num_steps: int, tokens: int) -> float:
    """``e^mu`` for so many video tokens."""
    if num_steps < 2:
        raise ValueError(f"the shifted schedule needs at least 2 steps, not {num_steps}")
    slope = (_MAX_SHIFT - _BASE_SHIFT) / (_MAX_TOKENS - _BASE_TOKENS)
    return math.exp(tokens * slope + (_BASE_SHIFT - slope * _BASE_TOKENS))


def fewer_steps(sigmas: Sequence[float], num_steps: int) -> tuple[float, ...]:
    """``num_steps`` steps out of a table, both ends kept.

    The interior levels are those that make the largest drop smallest; ties go to the smaller last
    drop, then to the smaller sum of squared drops.
    """
    available = len(sigmas) - 1
    if not 1 <= num_steps <= available:
        raise ValueError(f"this schedule has 1 to {available} steps, not {num_steps}")

    def badness(chosen: tuple[float, ...]) -> tuple[float, float, float]:
        drops = [high - low for high, low in pairwise(chosen)]
        return max(drops), drops[-1], sum(drop * drop for drop in drops)

    inner = combinations(sigmas[1:-1], num_steps - 1)
    return min(((sigmas[0], *chosen, sigmas[-1]) for chosen in inner), key=badness)
