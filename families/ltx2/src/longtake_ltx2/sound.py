"""From audio latents to samples, and how many of them may be handed out.

Receptive fields of the published networks: the audio VAE's decoder is causal and looks back 132
mel frames; the vocoder looks 178.25 ms both ways (2.0), or 541.4 ms back and 516.4 ms ahead with
bandwidth extension (2.3 on).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from longtake_ltx2.clock import SegmentClock, samples_of, samples_until
from longtake_ltx2.latents import decodable_audio

__all__ = ["SoundDecoder", "sound_start"]

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

    def decode(self, latents: torch.Tensor) -> NDArray[np.float32]:
        """Normalised latents ``[1, C, L, mel]`` to float32 ``[channels, samples]``.

        Gives ``(4 L - 3) rate / 100`` samples.
        """
        device = next(self.audio_vae.parameters()).device
        latents = decodable_audio(latents.to(device), self.audio_vae).to(self.audio_vae.dtype)
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
