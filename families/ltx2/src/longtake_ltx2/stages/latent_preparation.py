"""Noise, and the clean latents and masks of what the segment goes on from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuing import carried_audio, repeated_frames
from longtake_ltx2.latents import audio_to_tokens, normalized_video, video_to_tokens
from longtake_ltx2.numerics import OFFICIAL, Numerics
from longtake_ltx2.sound import check_latents
from longtake_ltx2.values import Geometry, NoisyLatents, Stream

__all__ = ["LTX2LatentPreparationStage"]

_AUDIO_CHANNELS = 8
_FIRST_LATENT_SECONDS = 0.03
"""An audio latent inside a take lasts 40 ms; only a take's very first is cut to its last 10 ms."""


class LTX2LatentPreparationStage:
    """Draws the noise, video then audio, in token order, and lays the conditioning over it.

    ``vae`` encodes the carried frames. ``audio_vae`` tells the shape of audio latents; without it
    they have 8 channels, as in every published checkpoint.
    """

    def __init__(
        self,
        transformer: Any,
        vae: Any = None,
        audio_vae: Any = None,
        *,
        numerics: Numerics = OFFICIAL,
    ) -> None:
        self._transformer = transformer
        self._vae = vae
        channels = _AUDIO_CHANNELS if audio_vae is None else audio_vae.config.latent_channels
        self._audio_shape = (channels, transformer.config.audio_in_channels // channels)
        self._numerics = numerics

    def check(self, state: LTX2ContinuationState | None) -> None:
        """Refuse audio latents of another model. Raises `longtake.ValidationError`."""
        if state is not None:
            check_latents(state, *self._audio_shape)

    @torch.no_grad()
    def __call__(
        self, run: lt.Run, geometry: Geometry, state: LTX2ContinuationState | None
    ) -> NoisyLatents:
        generator = torch.Generator("cpu").manual_seed(run.seed)
        config = self._transformer.config
        channels, mel_bins = self._audio_shape
        video_noise = self._noise(generator, geometry.video_tokens, config.in_channels)
        audio_noise = self._noise(generator, geometry.clock.num_latents, channels * mel_bins)
        return NoisyLatents(
            video=self._video(video_noise.to(run.device), geometry, state),
            audio=self._audio(audio_noise.to(run.device), geometry, state),
            mel_bins=mel_bins,
        )

    def _noise(self, generator: torch.Generator, tokens: int, channels: int) -> torch.Tensor:
        dtype = torch.float32 if self._numerics.noise_in_float32 else self._transformer.dtype
        return torch.randn((1, tokens, channels), generator=generator, dtype=dtype).float()

    def _video(
        self, noise: torch.Tensor, geometry: Geometry, state: LTX2ContinuationState | None
    ) -> Stream:
        coordinates = self._transformer.rope.prepare_video_coords(
            1,
            geometry.latent_frames,
            geometry.latent_height,
            geometry.latent_width,
            noise.device,
            fps=float(geometry.clock.fps),
        )
        coordinates[:, 0] += float(geometry.clock.position_offset)
        frames = [] if state is None else repeated_frames(state)
        if state is None or not frames:
            return _unconditioned(noise, coordinates)
        tokens = video_to_tokens(self._encoded(frames, noise.device))
        mask = 1.0 - state.video_conditioning_strength
        return _conditioned(noise, coordinates, tokens, 0, mask)

    def _encoded(self, frames: list[Any], device: torch.device) -> torch.Tensor:
        """Carried frames to normalised latents ``[1, C, F, H, W]``, fp32, the mode of the VAE's."""
        pixels = torch.from_numpy(np.stack(frames)).to(device).permute(3, 0, 1, 2).unsqueeze(0)
        scaled = (pixels.float() / 127.5 - 1.0).to(self._vae.dtype)
        latents = self._vae.encode(scaled).latent_dist.mode()
        return normalized_video(latents, self._vae).float()

    def _audio(
        self, noise: torch.Tensor, geometry: Geometry, state: LTX2ContinuationState | None
    ) -> Stream:
        clock = geometry.clock
        coordinates = self._transformer.audio_rope.prepare_audio_coords(
            1, clock.num_latents, noise.device
        ).clone()
        if clock.first_latent > 0:
            coordinates[:, :, 0, 0] = -_FIRST_LATENT_SECONDS
        carried = carried_audio(state)
        if state is None or carried is None or clock.context_latents == 0:
            return _unconditioned(noise, coordinates)
        context = carried[:, :, -clock.context_latents :].to(noise.device)
        start = clock.context_latents - context.shape[2]
        mask = state.audio_conditioning_strength
        return _conditioned(noise, coordinates, audio_to_tokens(context), start, mask)


def _unconditioned(noise: torch.Tensor, coordinates: torch.Tensor) -> Stream:
    return Stream(noise, torch.zeros_like(noise), torch.ones_like(noise[..., :1]), coordinates)


def _conditioned(
    noise: torch.Tensor, coordinates: torch.Tensor, tokens: torch.Tensor, start: int, mask: float
) -> Stream:
    """Tokens from ``start`` on are conditioned: ``x = noise mask + clean (1 - mask)``."""
    end = start + tokens.shape[1]
    clean = torch.zeros_like(noise)
    clean[:, start:end] = tokens
    denoise_mask = torch.ones_like(noise[..., :1])
    denoise_mask[:, start:end] = mask
    latents = noise * denoise_mask + clean * (1 - denoise_mask)
    return Stream(latents, clean, denoise_mask, coordinates)
