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

__all__ = ["SoundDecoder", "SoundTiming", "Window", "check_latents", "sound_start"]

_SLOWEST = Fraction(1)
"""Frames per second below which a frame's length is no measure of rounding."""

_LOOK_AHEAD_FRAMES = {"LTX2Vocoder": 18, "LTX2VocoderWithBWE": 52}
_LOOK_BACK_FRAMES = {"LTX2Vocoder": 18, "LTX2VocoderWithBWE": 55}
"""How far the vocoders look, in mel frames of 10 ms, rounded up."""
_DECODER_LOOK_BACK = 132
"""What the audio VAE's decoder looks back, in mel frames."""


@frozen
class Window:
    """The part of known audio latents that a stretch of samples needs.

    ``latents``: how many of the first ones it needs nothing of. ``first``, ``last``: the mel frames
    ``[first, last)`` that its vocoder needs, counted from the first known latent.
    """

    latents: int
    first: int
    last: int


@frozen
class SoundTiming:
    """What a vocoder makes of a mel frame, and how far it looks.

    ``sample_rate``: Hz. ``look_back``, ``look_ahead``: in mel frames.
    """

    sample_rate: int
    look_back: int
    look_ahead: int

    @property
    def hold_back(self) -> int:
        """Samples at the end of a segment that the next segment's sound still changes."""
        return self.look_ahead * self.hop

    @property
    def hop(self) -> int:
        """Samples of a mel frame."""
        return self.sample_rate // 100

    def window(self, latents: int, start: int, stop: int) -> Window:
        """What samples ``[start, stop)`` of those that ``latents`` latents decode to need."""
        first = max(0, start // self.hop - self.look_back)
        last = min(4 * latents - 3, -(-stop // self.hop) + self.look_ahead)
        return Window(max(0, (first - _DECODER_LOOK_BACK) // 4), first, last)


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
        return self.timing.hold_back

    @property
    def timing(self) -> SoundTiming:
        """Of the vocoder."""
        kind = type(self.vocoder).__name__
        return SoundTiming(self.sample_rate, _LOOK_BACK_FRAMES[kind], _LOOK_AHEAD_FRAMES[kind])

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
        return self._vocode(self._spectrogram(latents))

    def between(
        self, latents: torch.Tensor, end_latent: int, start: int, stop: int
    ) -> NDArray[np.float32]:
        """Samples ``[start, stop)`` of the take from the latents that end at ``end_latent``.

        Only what these samples need is decoded: they are those of decoding all latents.
        """
        if stop <= start:
            return np.zeros((int(self.vocoder.config.out_channels), 0), np.float32)
        hop = self.timing.hop
        shift = 4 * (end_latent - latents.shape[2]) * hop
        window = self.timing.window(latents.shape[2], start - shift, stop - shift)
        mel = self._spectrogram(latents[:, :, window.latents :])
        skipped = 4 * window.latents
        decoded = self._vocode(mel[:, :, window.first - skipped : window.last - skipped])
        shift += window.first * hop
        return np.ascontiguousarray(decoded[:, start - shift : stop - shift])

    def _spectrogram(self, latents: torch.Tensor) -> torch.Tensor:
        """``[1, channels, 4 L - 3, mel bins]``, in the vocoder's dtype."""
        latents = decodable_audio(latents, self.audio_vae).to(self.audio_vae.dtype)
        mel: torch.Tensor = self.audio_vae.decode(latents, return_dict=False)[0]
        return mel.to(self.vocoder.dtype)

    def _vocode(self, mel: torch.Tensor) -> NDArray[np.float32]:
        samples: NDArray[np.float32] = self.vocoder(mel)[0].float().cpu().numpy()
        expected = mel.shape[2] * self.timing.hop
        if samples.shape[1] != expected:
            raise RuntimeError(
                f"{mel.shape[2]} mel frames became {samples.shape[1]} samples, expected {expected}"
            )
        return samples


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
