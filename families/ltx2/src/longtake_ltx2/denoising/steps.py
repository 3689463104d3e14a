"""From one noise level to the next, in fp32, for both streams of a segment."""

from __future__ import annotations

from typing import Protocol

import torch

from longtake_ltx2.noise import noise_generator
from longtake_ltx2.values import Stream

__all__ = ["AncestralSteps", "Steps", "euler_step", "kept"]

_SEED_OFFSET = 10_000
"""Added to a short seed, so that the noise is not that of the beginning (ltx-pipelines)."""


class Steps(Protocol):
    """Takes latents ``[1, T, C]`` with their predicted clean ones from one level to the next.

    ``sigma``, ``following``: 0-D fp32. Called for the picture, then for the sound, at every step.
    """

    def __call__(
        self,
        latents: torch.Tensor,
        x0: torch.Tensor,
        stream: Stream,
        sigma: torch.Tensor,
        following: torch.Tensor,
    ) -> torch.Tensor:
        """The latents at the level ``following``."""
        ...


def euler_step(
    latents: torch.Tensor,
    x0: torch.Tensor,
    stream: Stream,
    sigma: torch.Tensor,
    following: torch.Tensor,
) -> torch.Tensor:
    """Towards ``x0``, the conditioning laid over it."""
    return latents + (following - sigma) * ((latents - kept(x0, stream)) / sigma)


class AncestralSteps:
    """Steps further down than asked and back up with fresh noise.

    ltx-core's ``EulerAncestralDiffusionStep`` with eta 1: at level sigma the signal's share is
    ``1 - sigma``, and the variance is kept. Conditioned tokens get their share of both.

    ``seed``: of the segment. ``dtype``: that the noise is drawn in, in token order.
    """

    def __init__(self, seed: int, dtype: torch.dtype) -> None:
        self._generator = noise_generator(seed, "steps", short=seed + _SEED_OFFSET)
        self._dtype = dtype

    def __call__(
        self,
        latents: torch.Tensor,
        x0: torch.Tensor,
        stream: Stream,
        sigma: torch.Tensor,
        following: torch.Tensor,
    ) -> torch.Tensor:
        """See `Steps`."""
        x0 = kept(x0, stream)
        if following == 0:
            return x0
        down = following * (following / sigma)
        lower = down / sigma * latents + (1.0 - down / sigma) * x0
        share = (1.0 - following) / (1.0 - down)
        level = (following**2 - down**2 * share**2).clamp(min=0) ** 0.5
        noise = torch.randn(latents.shape, generator=self._generator, dtype=self._dtype)
        return kept(share * lower + level * noise.to(latents), stream)


def kept(x0: torch.Tensor, stream: Stream) -> torch.Tensor:
    """``x0`` with what the stream is conditioned on laid over it, as far as that is kept."""
    mask = stream.denoise_mask
    return x0 * mask + stream.clean * (1 - mask)
