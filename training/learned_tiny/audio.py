"""The audio VAE and the vocoder learn the sounds of scenes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from training.learned_tiny import networks
from training.learned_tiny.learning import Part
from training.learned_tiny.sounds import RATE, log_mel, render
from training.learned_tiny.stories import tell

__all__ = ["Sound"]

_BATCH = 6
_SILENCE = -8.0
"""Of a log mel spectrogram, about."""
_THROUGH_VAE = 0.3
"""The share of the steps from which on the vocoder hears what the VAE made, too."""
_LATENT_NOISE = 0.05
_JUDGED = 24


def _sounds(
    rng: np.random.Generator, count: int, latents: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log mel spectrograms ``[count, 2, frames, bins]``, and the samples ``[count, n]``.

    Frames are those of so many latents.
    """
    frames = 4 * latents - 3
    mels, samples = [], []
    for _ in range(count):
        begins = [0.0, *np.cumsum(rng.uniform(0.7, 1.7, 3))]
        scene = tell(rng, begins, begins[-1] + 1).scene
        begin = 0.0 if rng.random() < 0.25 else round(float(rng.uniform(0, begins[-1])), 2)
        mels.append(log_mel(scene, begin, frames))
        samples.append(render(scene, begin, frames / 100, RATE))
    return torch.stack(mels), torch.from_numpy(np.stack(samples))


class Sound(Part):
    """The VAE by its mel spectrograms, the vocoder by its samples: two losses, two networks."""

    name = "audio"
    rate = 3e-3

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        torch.manual_seed(seed)
        self.vae, self.vocoder = networks.audio_vae(), networks.vocoder()
        with torch.no_grad():
            self.vae.decoder.conv_out.conv.bias.fill_(_SILENCE)

    def networks(self) -> Mapping[str, nn.Module]:
        return {"vae": self.vae, "vocoder": self.vocoder}

    def loss(self, step: int, share: float) -> tuple[torch.Tensor, dict[str, float]]:
        rng, generator = self.drawn(step)
        mel, samples = _sounds(rng, _BATCH, int(rng.integers(8, 24)))
        latents = self.vae.encode(mel).latent_dist.mode()
        noise = torch.randn(latents.shape, generator=generator)
        decoded = self.vae.decode(latents + _LATENT_NOISE * noise).sample
        off = decoded - mel
        loss = off.abs().mean() + 0.3 * (off**2).mean().sqrt() + 1e-3 * (latents**2).mean()
        heard = mel.clone()
        if share >= _THROUGH_VAE:
            heard[: len(heard) // 2] = decoded.detach()[: len(heard) // 2]
        error = self.vocoder(heard) - samples[:, None]
        power = (samples**2).mean().clamp(min=1e-4)
        loss = loss + (error**2).mean() / power + 2 * error.abs().mean()
        figures = {"mel_error": float(off.detach().abs().mean()), "snr": _snr(samples, error)}
        return loss, figures

    @torch.no_grad()
    def judged(self) -> dict[str, float]:
        mel, samples = _sounds(np.random.default_rng([self.seed, 99]), _JUDGED, 43)
        decoded = self.vae.decode(self.vae.encode(mel).latent_dist.mode()).sample
        error = self.vocoder(decoded) - samples[:, None]
        off = float((decoded - mel).abs().mean())
        return {"judged_mel_error": off, "judged_snr": _snr(samples, error)}


def _snr(samples: torch.Tensor, error: torch.Tensor) -> float:
    """In dB."""
    return 10 * math.log10(float((samples**2).mean() / (error.detach() ** 2).mean().clamp(1e-9)))
