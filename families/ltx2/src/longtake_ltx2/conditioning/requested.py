"""What a request and its state condition the segment on."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.clock import LATENTS_PER_SECOND, SegmentClock
from longtake_ltx2.conditioning.encoding import SOUND_RATE
from longtake_ltx2.conditioning.references import RequestedReference, requested_references
from longtake_ltx2.conditioning.tokens import ConditioningFrames
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import carried_count, repeated_frames

__all__ = [
    "RequestedInputs",
    "RequestedSound",
    "requested_inputs",
    "requested_sound",
    "whole_sound",
]


@frozen(eq=False)
class RequestedSound:
    """A clip on the segment's own time axis, which starts with its first audio latent.

    - ``samples``: stereo ``[2, n]`` at 16 kHz, silent where the clip is not; what goes beyond the
      segment's end is not used.
    - ``start``, ``stop``: the segment's audio latents that lie within the clip as a whole.
    - ``strength``: 1 keeps them, 0 ignores them.
    """

    samples: NDArray[np.float32]
    start: int
    stop: int
    strength: float


@frozen(eq=False)
class RequestedInputs:
    """Decoded: frames, and a sound clip, which both passes of a two-stage recipe read.

    ``references``: videos to follow, which the first pass alone reads.
    """

    frames: tuple[ConditioningFrames, ...] = ()
    sound: RequestedSound | None = None
    references: tuple[RequestedReference, ...] = ()


def requested_inputs(
    job: lt.Job,
    inputs: lt.DecodedInputs,
    state: LTX2ContinuationState | None,
    segment: SegmentClock,
) -> RequestedInputs:
    """What a request and its state bring, as far as the streams that are wanted need it."""
    has_sound = job.output.audio and job.inputs.audio is not None
    return RequestedInputs(
        frames=tuple(_frames(job, inputs, state)) if job.output.video else (),
        sound=requested_sound(inputs, segment) if has_sound else None,
        references=requested_references(job, inputs),
    )


def _frames(
    job: lt.Job, inputs: lt.DecodedInputs, state: LTX2ContinuationState | None
) -> list[ConditioningFrames]:
    """The state's trailing frames, then the images, then the clips."""
    asked = []
    if state is not None and carried_count(state):
        frames, prefix = repeated_frames(state), state.video_latents
        first, strength = state.video_conditioning_frame_idx, state.video_conditioning_strength
        pixels = np.stack(frames) if frames else None
        asked.append(ConditioningFrames(pixels, first, strength, prefix=prefix))
    for index, image in enumerate(job.inputs.images):
        first = image.frame_in(job.sampling.num_frames)
        pixels = inputs.image(index)[None]
        asked.append(ConditioningFrames(pixels, first, image.strength, recompress=True))
    for index, clip in enumerate(job.inputs.clips):
        first = clip.frame_in(job.sampling.num_frames)
        asked.append(ConditioningFrames(inputs.clip(index), first, clip.strength))
    return asked


def requested_sound(inputs: lt.DecodedInputs, segment: SegmentClock) -> RequestedSound:
    """The sound of a request that has one."""
    audio, clip = inputs.inputs.audio, inputs.audio(SOUND_RATE)
    assert audio is not None  # or there would be no clip of it
    begin = audio.start + float(segment.position_offset)
    start, stop = _latents_within(begin, begin + clip.shape[1] / SOUND_RATE)
    length = segment.num_latents * SOUND_RATE // LATENTS_PER_SECOND
    axis = np.zeros((len(clip), max(length, SOUND_RATE // 10)), np.float32)
    first = round(begin * SOUND_RATE)
    used = clip[:, : max(0, axis.shape[1] - first)]
    axis[:, first : first + used.shape[1]] = used
    return RequestedSound(axis, start, min(stop, segment.num_latents), audio.strength)


def whole_sound(
    job: lt.Job,
    inputs: lt.DecodedInputs,
    state: LTX2ContinuationState | None,
    segment: SegmentClock,
    sample_rate: int,
) -> tuple[int, NDArray[np.float32]] | None:
    """The request's sound where nothing of the segment's is made; None where some of it is.

    At ``sample_rate`` Hz, float32 ``[2, n]``, behind the sample of the take that it begins at.
    """
    audio = job.inputs.audio
    if audio is None or audio.strength != 1:
        return None
    if state is not None and segment.context_latents and state.audio_conditioning_strength:
        return None  # what came before is made anew, in part
    sound = requested_sound(inputs, segment)
    if sound.start > segment.context_latents or sound.stop < segment.num_latents:
        return None
    begin = Fraction(segment.first_frame) / segment.fps + Fraction(audio.start)
    return round(begin * sample_rate), inputs.audio(sample_rate)


def _latents_within(begin: float, end: float) -> tuple[int, int]:
    """Latents ``[start, stop)`` of those whole in ``begin`` to ``end`` seconds.

    Latent l lasts from ``4 l - 3`` to ``4 l + 1`` hundredths; the very first starts at 0.
    """
    start = 0 if begin <= 0 else ceil((100 * begin + 3) / 4 - 1e-6)
    return start, floor((100 * end + 3) / 4 + 1e-6)
