"""The end of a take, from its state alone."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import torch

import longtake as lt
from longtake_ltx2.clock import (
    LATENTS_PER_SECOND,
    TakeClock,
    samples_of,
    samples_until,
)
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import LONGEST_PREFIX_SECONDS, carried_audio
from longtake_ltx2.continuation.v1.metadata import check_latents_of
from longtake_ltx2.sound import SoundDecoder

__all__ = ["LTX2FinishingStage"]

_MOST_LATENTS = LONGEST_PREFIX_SECONDS * LATENTS_PER_SECOND
"""That are decoded; states that segments make carry no more."""

_LONGEST_SILENCE = Fraction(1, 20)
"""Seconds: half a latent, for they are rounded, and the three mel frames that the first lacks."""


class LTX2FinishingStage:
    """Lets the held-back sound out and pads with silence, so that sound and picture end together.

    The silence is 10 to 50 ms: audio latents decode to a little less than their frames last.
    """

    def __init__(self, audio_decoder: Any, vocoder: Any) -> None:
        self._decoder = SoundDecoder(audio_decoder, vocoder)

    def check(self, state: LTX2ContinuationState) -> None:
        """Refuse a state that cannot be finished. Raises `longtake.ValidationError`."""
        if state.audio_latents is None:
            raise lt.ValidationError(
                "state.payload.audio", "has no latents here, so the held-back sound cannot be made"
            )
        clock = state.clock
        if clock is None or clock.samples is None:
            raise lt.ValidationError(
                "state.payload.metadata.longtake.clock", "missing; where the take ends is not known"
            )
        check_latents_of(clock)  # so that the silence is no longer than said
        self._decoder.check(state)
        known = min(state.audio_latents.shape[2], _MOST_LATENTS)
        first = clock.latents - known
        self._decoder.check_start(clock.samples, first, clock.latents)
        self._decoder.check_lacking(clock.samples, clock.latents, clock.fps)
        self._check_silence(clock)

    def _check_silence(self, clock: TakeClock) -> None:
        """Refuse a picture that ends later than its sound can."""
        rate = self._decoder.sample_rate
        decoded = samples_of(clock.latents, rate)
        silence = samples_until(clock.frames, clock.fps, rate) - decoded
        if silence > _LONGEST_SILENCE * rate + 1:
            raise lt.ValidationError(
                "state.payload.metadata.longtake.clock.frames",
                f"is {clock.frames}, which end {silence} samples after the sound; at most "
                f"{int(_LONGEST_SILENCE * rate) + 1}",
            )

    @torch.no_grad()
    def __call__(self, state: LTX2ContinuationState, run: lt.Run) -> lt.Waveform:
        decoder, clock, known = self._decoder, state.clock, carried_audio(state)
        assert clock is not None and clock.samples is not None and known is not None
        known = known[:, :, -_MOST_LATENTS:]
        stop = max(clock.samples, samples_of(clock.latents, decoder.sample_rate))
        sound = decoder.between(known.to(run.device), clock.latents, clock.samples, stop)
        end = max(stop, samples_until(clock.frames, clock.fps, decoder.sample_rate))
        silence = np.zeros((sound.shape[0], end - stop), np.float32)
        ending = np.concatenate([sound, silence], axis=1)
        return lt.Waveform(ending, decoder.sample_rate, first_sample=clock.samples)
