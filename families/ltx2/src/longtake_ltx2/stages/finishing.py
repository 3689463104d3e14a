"""The end of a take, from its state alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import longtake as lt
from longtake_ltx2.clock import samples_of, samples_until
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import carried_audio
from longtake_ltx2.continuation.v1.metadata import check_latents_of
from longtake_ltx2.sound import SoundDecoder

__all__ = ["LTX2FinishingStage"]


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
        first = clock.latents - state.audio_latents.shape[2]
        self._decoder.check_start(clock.samples, first, clock.latents)

    @torch.no_grad()
    def __call__(self, state: LTX2ContinuationState, run: lt.Run) -> lt.Waveform:
        decoder, clock, known = self._decoder, state.clock, carried_audio(state)
        assert clock is not None and clock.samples is not None and known is not None
        stop = max(clock.samples, samples_of(clock.latents, decoder.sample_rate))
        sound = decoder.between(known.to(run.device), clock.latents, clock.samples, stop)
        end = max(stop, samples_until(clock.frames, clock.fps, decoder.sample_rate))
        silence = np.zeros((sound.shape[0], end - stop), np.float32)
        return lt.Waveform(np.concatenate([sound, silence], axis=1), decoder.sample_rate)
