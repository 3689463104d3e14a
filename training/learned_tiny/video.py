"""The video VAE learns the pictures of scenes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training.learned_tiny import networks
from training.learned_tiny.learning import Part
from training.learned_tiny.pictures import FPS, draw
from training.learned_tiny.scenes import BACKGROUNDS
from training.learned_tiny.stories import tell

__all__ = ["Standard", "VideoVae", "clips"]

_MOMENTUM = 0.05

_BATCHES = {1: 16, 9: 6, 17: 4, 25: 3}
"""Clips of a step, by their frames."""
_STILLS, _EDGES, _NOISE = 0.1, 0.07, 0.25
"""The shares of the steps from which on clips, edges and noisy latents are learned too."""
_LATENT_NOISE = 0.08
"""Of the latents' own spread."""
_AROUND, _ELSEWHERE = 4.0, 0.3
"""What counts near things and elsewhere: most of a picture is background."""
_JUDGED = 24
"""Clips."""


def clips(rng: np.random.Generator, count: int, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips ``[count, 3, frames, H, W]`` of scenes at random, and where their things are."""
    pictures, covered = [], []
    for _ in range(count):
        begins = [0.0, *np.cumsum(rng.uniform(0.7, 1.7, 3))]
        story = tell(rng, begins, begins[-1] + 1)
        first = int(rng.integers(0, int(begins[-1] * FPS)))
        picture, cover = draw(story.scene, first, frames)
        pictures.append(picture)
        covered.append(cover)
    return torch.from_numpy(np.stack(pictures)), torch.from_numpy(np.stack(covered))


class Standard(nn.Module):
    """Makes the latents' mean 0 and their standard deviation 1 for each channel.

    Without it the encoder says the same of all pictures before the decoder listens: that is where
    the loss falls first. While `settles`, the statistics are the batch's.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1, 1))
        self.register_buffer("std", torch.ones(1, channels, 1, 1, 1))
        self.settles = True

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        if not self.settles:
            return (latents - self.mean) / self.std
        axes = (0, 2, 3, 4)
        mean = latents.mean(axes, keepdim=True)
        std = latents.std(axes, keepdim=True) + 1e-4
        with torch.no_grad():
            self.mean.lerp_(mean, _MOMENTUM)
            self.std.lerp_(std, _MOMENTUM)
        return (latents - mean) / std

    @torch.no_grad()
    def fold_into(self, vae: Any) -> None:
        """Make the VAE's encoder say standard latents itself, which are what its decoder knows."""
        last, channels = vae.encoder.conv_out.conv, self.mean.numel()
        mean, std = self.mean.flatten(), self.std.flatten()
        last.weight[:channels] /= std[:, None, None, None, None]
        last.bias[:channels] = (last.bias[:channels] - mean) / std


class VideoVae(Part):
    """Encoder and decoder together: stills first, then clips whose latents are a little noisy."""

    name = "video"
    rate = 3e-3

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        torch.manual_seed(seed)
        self.vae, self._standard = networks.video_vae(), Standard(networks.LATENT_CHANNELS)
        ground = torch.tensor(BACKGROUNDS["at night"]) * 2 - 1
        with torch.no_grad():  # begins with the background, from which things stand out
            bias = self.vae.decoder.conv_out.conv.bias
            bias.copy_(ground.repeat_interleave(len(bias) // 3))

    def networks(self) -> Mapping[str, nn.Module]:
        return {"vae": self.vae, "standard": self._standard}

    def loss(self, step: int, share: float) -> tuple[torch.Tensor, dict[str, float]]:
        rng, generator = self.drawn(step)
        frames = 1 if share < _STILLS else (9, 17, 25, 1)[step % 4]
        clip, covered = clips(rng, _BATCHES[frames], frames)
        self._standard.settles = share < _STILLS
        latents = self._standard(self.vae.encode(clip).latent_dist.mode())
        spread = float(latents.detach().std())
        if share >= _NOISE:
            noise = torch.randn(latents.shape, generator=generator)
            latents = latents + _LATENT_NOISE * noise
        decoded = self.vae.decode(latents).sample
        near = functional.max_pool2d(covered, 9, 1, 4)[:, None]
        weight = _ELSEWHERE + _AROUND * near
        error = decoded - clip
        loss = (error**2 * weight).mean()
        if share >= _EDGES:
            edges = sum(each.diff(dim=-1).abs().mean() for each in (error, error.mT))
            loss = loss + 0.5 * (error.abs() * weight).mean() + 0.5 * edges
        square = float((error.detach() ** 2).mean())
        return loss, {"error": square, f"psnr_{frames}": _psnr(error), "spread": spread}

    @torch.no_grad()
    def judged(self) -> dict[str, float]:
        clip, covered = clips(np.random.default_rng([self.seed, 99]), _JUDGED, 41)
        self._standard.settles = False
        latents = [self._standard(self.vae.encode(one[None]).latent_dist.mode()) for one in clip]
        found = [self.vae.decode(each).sample for each in latents]
        error = torch.cat(found) - clip
        inside = (covered > 0.9)[:, None].float()
        colour = (error.abs() * inside).sum() / (3 * inside.sum()) / 2
        return {"judged_psnr": _psnr(error), "judged_colour_error": float(colour)}


def _psnr(error: torch.Tensor) -> float:
    """In dB, of values -1 to 1."""
    return -10 * math.log10(float((error.detach() ** 2).mean()) / 4)
