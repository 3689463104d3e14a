"""The second-order sampling of the official HQ pipeline, written down once more, plainly.

Two evaluations a step, in fp64 between them; noise comes in behind each.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch

from tests.ltx2.official_tokens import Tokens

__all__ = ["fresh", "stepped", "walked"]

Latents = list[torch.Tensor]
STEP_SEED, MIDDLE_SEED = -1, 9999
END = 0.0011
ANCHORINGS = 100


def walked(
    evaluated: Callable[[Latents, float], Latents],
    tokens: tuple[Tokens, Tokens],
    levels: list[float],
) -> Latents:
    """Latents of both streams, fp32, after all steps and the evaluation at the last level."""
    at_ends = torch.Generator().manual_seed(STEP_SEED)
    at_middles = torch.Generator().manual_seed(MIDDLE_SEED)
    rounded: list[float] = torch.tensor([*levels[:-1], END]).tolist()  # the table is in fp32
    now = [part.start for part in tokens]
    for high, low in itertools.pairwise(rounded):
        h = math.log(high / low)
        middle = math.sqrt(high * low)
        phi1, phi1_half = (1 - math.exp(-h)) / h, (1 - math.exp(-h / 2)) / (h / 2)
        phi2 = (math.exp(-h) - 1 + h) / h**2
        clean = over(evaluated(now, high), tokens)
        start = [latents.double() for latents in now]
        halfway = []
        for x, x0, part in zip(start, clean, tokens, strict=True):
            there = x + h / 2 * phi1_half * (x0 - x)
            halfway.append(laid(stepped(x, there, fresh(x, at_middles), high, middle), part))
        if h < 0.5 and high > 0.03:
            for _ in range(ANCHORINGS):
                start = [
                    mid - h / 2 * phi1_half * (x0 - x)
                    for mid, x0, x in zip(halfway, clean, start, strict=True)
                ]
        again = over(evaluated([each.float() for each in halfway], middle), tokens)
        now = []
        for x, x0, x1, part in zip(start, clean, again, tokens, strict=True):
            there = x + h * ((phi1 - 2 * phi2) * (x0 - x) + 2 * phi2 * (x1 - x))
            now.append(laid(stepped(x, there, fresh(x, at_ends), high, low), part).float())
    return over(evaluated(now, rounded[-1]), tokens, wide=False)


def over(x0s: Latents, tokens: tuple[Tokens, Tokens], *, wide: bool = True) -> Latents:
    """What is known laid over the predictions; fp64 if ``wide``."""
    both = [laid(x0, part) for x0, part in zip(x0s, tokens, strict=True)]
    return [each.double() for each in both] if wide else both


def laid(latents: torch.Tensor, part: Tokens) -> torch.Tensor:
    return latents * part.mask + part.clean * (1 - part.mask)


def stepped(
    start: torch.Tensor, there: torch.Tensor, noise: torch.Tensor, high: float, low: float
) -> torch.Tensor:
    """Half of the lower level is fresh noise; signal and noise keep the variance together."""
    added = min(low / 2, 0.9999 * low)
    rest = math.sqrt(low**2 - added**2)
    direction = (start - there) / (high - low)
    clean = start - high * direction
    return (1 - low + rest) * clean + rest * direction + added * noise


def fresh(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Noise of mean 0 and deviation 1: over everything, and once more over each sample."""
    noise = torch.randn(like.shape, generator=generator, dtype=torch.float64)
    noise = (noise - noise.mean()) / noise.std()
    each = [(sample - sample.mean()) / sample.std() for sample in noise]
    return torch.stack(each)
