"""Audio latents to the segment's new sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import longtake as lt
from longtake_ltx2.clock import DECODE_CONTEXT_LATENTS, SegmentClock, samples_of
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import audio_until_end, known_latents
from longtake_ltx2.sound import SoundDecoder, sound_start
from longtake_ltx2.values import CleanLatents, Geometry

__all__ = ["LTX2AudioDecodingStage"]


class LTX2AudioDecodingStage:
    """Decodes the segment's audio latents behind enough carried ones, and cuts out what is new.

    The end of a segment that will be continued is held back: its last samples are wrong until the
    next segment's latents are there.
    """

    def __init__(self, audio_decoder: Any, vocoder: Any) -> None:
        self._decoder = SoundDecoder(audio_decoder, vocoder)

    def check(
        self, job: lt.Job, segment: SegmentClock, state: LTX2ContinuationState | None
    ) -> None:
        """Refuse a take whose sound cannot go on. Raises `longtake.ValidationError`."""
        if not job.output.audio:
            return
        self._decoder.check(state)
        if segment.samples_before is not None:
            known = known_latents(state, segment, DECODE_CONTEXT_LATENTS)
            first = segment.end_latent - known
            self._decoder.check_start(segment.samples_before, first, segment.latents_before)

    @torch.no_grad()
    def __call__(
        self,
        latents: CleanLatents,
        geometry: Geometry,
        job: lt.Job,
        state: LTX2ContinuationState | None,
    ) -> lt.Waveform:
        segment, decoder = geometry.clock, self._decoder
        if not job.output.audio:
            return lt.Waveform(np.zeros((2, 0), np.float32), decoder.sample_rate)
        known = audio_until_end(state, segment, latents.audio, DECODE_CONTEXT_LATENTS)
        start = sound_start(segment, decoder.sample_rate)
        stop = samples_of(segment.end_latent, decoder.sample_rate)
        if not job.output.last:
            stop -= decoder.hold_back
        sound = decoder.between(known, segment.end_latent, start, max(start, stop))
        return lt.Waveform(sound, decoder.sample_rate)
