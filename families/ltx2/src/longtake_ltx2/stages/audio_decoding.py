"""Audio latents to the segment's new sound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import longtake as lt
from longtake_ltx2.clock import (
    DECODE_CONTEXT_LATENTS,
    SegmentClock,
    samples_of,
    samples_until,
)
from longtake_ltx2.conditioning.requested import whole_sound
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import audio_until_end, known_latents
from longtake_ltx2.estimating.arrays import array
from longtake_ltx2.estimating.inputs import added_by_inputs
from longtake_ltx2.sound import SoundDecoder, sound_start
from longtake_ltx2.values import CleanLatents, Geometry

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2AudioDecodingStage"]


class LTX2AudioDecodingStage:
    """Decodes what the new sound needs of the segment's audio latents and of those carried.

    The end of a segment that will be continued is held back: its last samples are wrong until the
    next segment's latents are there. A sound that was given for all of the segment is handed out
    as it is, resampled where its rate is another, and nothing of it is held back.
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
            start, before = segment.samples_before, segment.latents_before
            self._decoder.check_start(start, first, before)
            self._decoder.check_lacking(start, before, segment.fps)

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """Decoding what the new samples need of the segment's latents and of the carried ones.

        A sound that is given for all of the segment is not decoded.
        """
        networks, clock = scene.networks, scene.geometry.clock
        weights = networks.weights("audio_vae", "vocoder")
        if not scene.job.output.audio:
            return lt.StageEstimate(weights=weights)
        if added_by_inputs(scene).fills_audio:
            given = scene.new_samples_end - scene.samples_before
            return lt.StageEstimate(values=[array("Waveform.samples", (2, given))], weights=weights)
        further = max(0, scene.carried_latents - clock.context_latents)
        wanted = max(0, DECODE_CONTEXT_LATENTS - clock.context_latents)
        known = clock.num_latents + min(wanted, further)
        timing, start = networks.sound_timing, scene.samples_before
        shift = 4 * (clock.end_latent - known) * timing.hop
        window = timing.window(known, start - shift, scene.new_samples_end - shift)
        decoded = networks.audio_decoder(known - window.latents)
        _, channels, _, mel_bins = decoded.shapes[0]
        vocoder = networks.vocoder((1, channels, window.last - window.first, mel_bins))
        spectrogram = math.prod(decoded.shapes[0]) * networks.precisions["vocoder"].size
        samples = scene.new_samples_end - start
        return lt.StageEstimate(
            values=[array("Waveform.samples", (vocoder.shapes[0][1], samples))],
            passes=[
                lt.PassEstimate("decode", decoded.flops),
                lt.PassEstimate("vocoder", vocoder.flops),
            ],
            weights=weights,
            activation_bytes=max(decoded.activation_bytes, spectrogram + vocoder.activation_bytes),
        )

    @torch.no_grad()
    def __call__(
        self,
        latents: CleanLatents,
        geometry: Geometry,
        job: lt.Job,
        state: LTX2ContinuationState | None,
        inputs: lt.DecodedInputs,
    ) -> lt.Waveform:
        segment, decoder = geometry.clock, self._decoder
        if not job.output.audio:
            return lt.Waveform(np.zeros((2, 0), np.float32), decoder.sample_rate)
        known = audio_until_end(state, segment, latents.audio, DECODE_CONTEXT_LATENTS)
        rate = decoder.sample_rate
        start, stop = sound_start(segment, rate), samples_of(segment.end_latent, rate)
        given = whole_sound(job, inputs, state, segment, rate)
        if given is None:
            stop -= 0 if job.output.last else decoder.hold_back
            sound = decoder.between(known, segment.end_latent, start, max(start, stop))
            return lt.Waveform(sound, rate, first_sample=start)
        begin, clip = given
        if job.output.last:  # as long as the picture, where the given sound is
            stop = max(stop, samples_until(segment.end_frame, segment.fps, rate))
        before = decoder.between(known, segment.end_latent, start, max(start, begin))
        clip = clip[:, max(0, start - begin) : max(0, stop - begin)]
        return lt.Waveform(np.concatenate([before, clip], axis=1), rate, first_sample=start)
