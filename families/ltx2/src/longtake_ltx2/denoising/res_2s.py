"""The sampler ``res_2s``: exponential Runge-Kutta steps of second order, with fresh noise.

Each step evaluates its beginning and its middle, in the logarithm of the noise level, and brings
noise in at both (ltx-pipelines ``res2s_audio_video_denoising_loop``; the method is that of Zhang
et al., arXiv:2308.02157). It computes in fp64; what is evaluated is fp32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from attrs import evolve, frozen

from longtake_ltx2.denoising.samplers import LAST_LEVEL, Point, Sampling
from longtake_ltx2.denoising.steps import kept
from longtake_ltx2.noise import noise_generator
from longtake_ltx2.stage_overrides.loops import StepNoise
from longtake_ltx2.values import NoisyLatents, Stream

__all__ = ["StepGenerators", "res_2s", "with_noise"]

_SHORT_STEP, _LOW_LEVEL = 0.5, 0.03
_ANCHORINGS = 100
"""How often the beginning of a short step at a high level is found anew from its middle."""

_NOISE_SHARE, _LARGEST_SHARE = 0.5, 0.9999
_FIXED_SEED, _MIDDLE_OFFSET, _SEED_OFFSET = -1, 10_000, 10_000


@frozen(eq=False)
class StepGenerators:
    """Of the noise at the steps' ends, and of that at their middles."""

    ends: torch.Generator
    middles: torch.Generator

    @classmethod
    def of(cls, noise: StepNoise, seed: int) -> StepGenerators:
        """``fixed``: the same for every request, as in ltx-pipelines; or of a segment's seed."""
        if noise == "fixed":
            ends, middles = (torch.Generator("cpu") for _ in range(2))
            ends.manual_seed(_FIXED_SEED)
            middles.manual_seed(_FIXED_SEED + _MIDDLE_OFFSET)
            return cls(ends, middles)
        short = seed + _SEED_OFFSET
        return cls(
            noise_generator(seed, "steps", short=short),
            noise_generator(seed, "middles", short=short + _MIDDLE_OFFSET),
        )


@frozen
class _Rule:
    """One step of length ``h`` in the logarithm: its middle, and the weights of both slopes."""

    h: float
    to_middle: float
    first: float
    second: float

    @classmethod
    def of(cls, h: float) -> _Rule:
        second = 2 * _phi_2(-h)
        return cls(h, h * _phi_1(-h / 2) / 2, h * (_phi_1(-h) - second), h * second)


def _phi_1(z: float) -> float:
    return 1.0 if abs(z) < 1e-10 else (math.exp(z) - 1) / z


def _phi_2(z: float) -> float:
    return 0.5 if abs(z) < 1e-10 else (math.exp(z) - 1 - z) / z**2


@frozen(eq=False)
class _Half:
    """One stream within a step. ``slope``: from ``anchor``, its beginning, to the clean latents."""

    stream: Stream
    anchor: torch.Tensor
    x0: torch.Tensor

    @property
    def slope(self) -> torch.Tensor:
        return self.x0 - self.anchor

    def anchored(self, middle: torch.Tensor, rule: _Rule) -> _Half:
        """The beginning from which the slope there leads to ``middle``, nearly."""
        half = self
        for _ in range(_ANCHORINGS):
            half = evolve(half, anchor=middle - rule.to_middle * half.slope)
        return half

    def noisy(
        self,
        there: torch.Tensor,
        levels: tuple[torch.Tensor, torch.Tensor],
        generator: torch.Generator,
    ) -> torch.Tensor:
        """``there``, where the step leads, brought to the second level with fresh noise."""
        noise = _noise(there, generator)
        return kept(with_noise(self.anchor, there, noise, *levels), self.stream)


def res_2s(noisy: NoisyLatents, sigmas: torch.Tensor, generators: StepGenerators) -> Sampling:
    """``2 n + 1`` evaluations for n steps; ``sigmas``: ``[n + 1]`` fp32, the last one 0."""
    streams, device = (noisy.video, noisy.audio), noisy.video.latents.device
    latents = [stream.latents for stream in streams]
    wide = torch.float32 if device.type == "mps" else torch.float64
    levels = torch.cat([sigmas[:-1].cpu(), torch.tensor([LAST_LEVEL])])
    for step in range(len(levels) - 1):
        sigma, following = levels[step], levels[step + 1]
        rule = _Rule.of(-math.log(following.item() / sigma.item()))
        middle = (sigma.double() * following.double()).sqrt()
        x0s = yield Point(latents[0], latents[1], sigma.to(device), step)
        halves = list(_halves(streams, latents, x0s, wide))
        middles = []
        for half in halves:
            there = half.anchor + rule.to_middle * half.slope
            middles.append(half.noisy(there, (sigma.double(), middle), generators.middles))
        if rule.h < _SHORT_STEP and sigma > _LOW_LEVEL:
            halves = [half.anchored(each, rule) for half, each in zip(halves, middles, strict=True)]
        video, audio = (each.float() for each in middles)
        x0s = yield Point(video, audio, middle.float().to(device), 0)
        latents = []
        for half, x0 in zip(halves, x0s, strict=True):
            slope = kept(x0, half.stream).to(wide) - half.anchor
            there = half.anchor + rule.first * half.slope + rule.second * slope
            latents.append(half.noisy(there, (sigma, following), generators.ends).float())
    x0s = yield Point(latents[0], latents[1], levels[-1].to(device), len(levels) - 1)
    video, audio = (kept(x0, stream) for x0, stream in zip(x0s, streams, strict=True))
    return video, audio


def _halves(
    streams: tuple[Stream, Stream],
    latents: list[torch.Tensor],
    x0s: tuple[torch.Tensor, torch.Tensor],
    wide: torch.dtype,
) -> Iterator[_Half]:
    for stream, latent, x0 in zip(streams, latents, x0s, strict=True):
        yield _Half(stream, latent.to(wide), kept(x0, stream).to(wide))


def _noise(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Drawn in fp64, token by token, then of mean 0 and deviation 1 twice, as the official is.

    Over all, then over tokens and channels of each sample.
    """
    noise = torch.randn(like.shape, generator=generator, dtype=torch.float64)
    if not noise.numel():
        return noise.to(like)
    noise = (noise - noise.mean()) / noise.std()
    noise = noise - noise.mean(dim=(-2, -1), keepdim=True)
    return (noise / noise.std(dim=(-2, -1), keepdim=True)).to(like)


def with_noise(
    anchor: torch.Tensor,
    there: torch.Tensor,
    noise: torch.Tensor,
    sigma: torch.Tensor,
    following: torch.Tensor,
) -> torch.Tensor:
    """A step from ``anchor`` at ``sigma`` to ``there`` at ``following``, half of it fresh noise.

    The rest of the level stays the step's own noise, and signal and noise together keep the
    variance (ltx-core ``Res2sDiffusionStep``, eta 0.5).
    """
    fresh = torch.minimum(following * _NOISE_SHARE, following * _LARGEST_SHARE)
    if fresh == 0:
        return there
    own = (following**2 - fresh**2).clamp(min=0) ** 0.5
    ratio = 1 - following + own
    slope = (anchor - there) / (sigma - following)
    clean = anchor - sigma * slope
    return ratio * (clean + own / ratio * slope) + fresh * noise
