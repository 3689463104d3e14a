"""From audio latents to samples, and how many of them may be handed out.

Receptive fields of the published networks: the audio VAE's decoder is causal and looks back 132
mel frames; the vocoder looks 178.25 ms both ways (2.0), or 541.4 ms back and 516.4 ms ahead with
bandwidth extension (2.3 on).
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.clock import SegmentClock, samples_of, samples_until
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.latents import decodable_audio

__all__ = ["SoundDecoder", "check_latents", "sound_start"]

_SLOWEST = Fraction(1)
"""Frames per second below which a frame's length is no measure of rounding."""

_LOOK_AHEAD_FRAMES = {"LTX2Vocoder": 18, "LTX2VocoderWithBWE": 52}
"""What the vocoders look ahead, in mel frames of 10 ms, rounded up."""


@frozen
class SoundDecoder:
    """The audio VAE's decoder and the vocoder."""

    audio_vae: Any
    vocoder: Any

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return int(self.vocoder.config.output_sampling_rate)

    @property
    def hold_back(self) -> int:
        """Samples at the end of a segment that the next segment's sound still changes."""
        frames = _LOOK_AHEAD_FRAMES[type(self.vocoder).__name__]
        return frames * (self.sample_rate // 100)

    def check(self, state: LTX2ContinuationState | None) -> None:
        """Refuse another sample rate and another model's latents.

        Raises `longtake.ValidationError`.
        """
        if state is None:
            return
        rate = state.audio_sample_rate
        if rate is not None and rate != self.sample_rate:
            raise lt.ValidationError(
                "state.payload.audio_sample_rate",
                f"is {rate}; this model makes sound at {self.sample_rate} Hz",
            )
        config = self.audio_vae.config
        mel_bins = config.mel_bins // self.audio_vae.mel_compression_ratio
        check_latents(state, config.latent_channels, mel_bins)

    def check_start(self, start: int, first_latent: int, latents_before: int) -> None:
        """Refuse sound that would go on outside what the latents before it decode to.

        ``start``: samples handed out before. ``first_latent``: the first one known.
        ``latents_before``: of the take so far. Raises `longtake.ValidationError`.
        """
        earliest = 4 * max(0, first_latent) * (self.sample_rate // 100)
        latest = samples_of(latents_before, self.sample_rate)
        if not earliest <= start <= latest:
            raise lt.ValidationError(
                "state.payload.metadata.longtake.clock.samples",
                f"is {start}; with the audio latents at hand it must be from {earliest} to "
                f"{latest}",
            )

    def check_lacking(self, start: int, latents_before: int, fps: Fraction) -> None:
        """Refuse a take that lacks more sound than a segment holds back, and a frame's length.

        Arguments as of `check_start`. Raises `longtake.ValidationError`.
        """
        latest = samples_of(latents_before, self.sample_rate)
        most = self.hold_back + ceil(self.sample_rate / max(fps, _SLOWEST))
        if latest - start > most:
            raise lt.ValidationError(
                "state.payload.metadata.longtake.clock.samples",
                f"is {start}, which lacks {latest - start} samples that the audio latents decode "
                f"to; a take lacks at most {most}",
            )

    def decode(self, latents: torch.Tensor) -> NDArray[np.float32]:
        """Normalised latents ``[1, C, L, mel]`` on the device to float32 ``[channels, samples]``.

        Gives ``(4 L - 3) rate / 100`` samples.
        """
        latents = decodable_audio(latents, self.audio_vae).to(self.audio_vae.dtype)
        mel = self.audio_vae.decode(latents, return_dict=False)[0]
        samples: NDArray[np.float32] = (
            self.vocoder(mel.to(self.vocoder.dtype))[0].float().cpu().numpy()
        )
        expected = samples_of(latents.shape[2], self.sample_rate)
        if samples.shape[1] != expected:
            raise RuntimeError(
                f"{latents.shape[2]} audio latents decoded to {samples.shape[1]} samples, "
                f"expected {expected}"
            )
        return samples

    def between(
        self, latents: torch.Tensor, end_latent: int, start: int, stop: int
    ) -> NDArray[np.float32]:
        """Samples ``[start, stop)`` of the take from the latents that end at ``end_latent``."""
        first_latent = end_latent - latents.shape[2]
        shift = 4 * first_latent * (self.sample_rate // 100)
        decoded = self.decode(latents)
        return np.ascontiguousarray(decoded[:, start - shift : stop - shift])


def check_latents(state: LTX2ContinuationState, channels: int, mel_bins: int) -> None:
    """Refuse carried audio latents of another model. Raises `longtake.ValidationError`."""
    latents = state.audio_latents
    if latents is None:
        return
    shape = list(latents.shape)
    if [*shape[:2], shape[3]] != [1, channels, mel_bins]:
        raise lt.ValidationError(
            "state.payload.audio",
            f"its latents are {shape}; this model's are [1, {channels}, T, {mel_bins}]",
        )


def sound_start(segment: SegmentClock, sample_rate: int) -> int:
    """The sample of the take at which a segment's new sound starts.

    A state without a clock has handed out what its audio latents decode to, or, when it carries
    none, its frames' share.
    """
    if segment.samples_before is not None:
        return segment.samples_before
    if segment.context_latents:
        return samples_of(segment.latents_before, sample_rate)
    before = segment.first_frame + segment.repeated_frames
    return samples_until(before, segment.fps, sample_rate)
