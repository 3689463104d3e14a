"""What a request and its state condition the segment on."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.clock import SegmentClock
from longtake_ltx2.conditioning.encoding import SOUND_RATE
from longtake_ltx2.conditioning.painting import PaintedSource, requested_painting
from longtake_ltx2.conditioning.references import RequestedReference, requested_references
from longtake_ltx2.conditioning.sounds import RequestedSound, placed_sound
from longtake_ltx2.conditioning.source import RequestedSource, heard_source, requested_source
from longtake_ltx2.conditioning.tokens import ConditioningFrames
from longtake_ltx2.conditioning.voices import RequestedVoice, requested_voice
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import carried_count, repeated_frames

__all__ = [
    "RequestedInputs",
    "requested_inputs",
    "requested_sound",
    "whole_sound",
]


@frozen(eq=False)
class RequestedInputs:
    """Decoded: frames, a sound, and a clip to be kept; both passes of two stages read them.

    ``references``: videos to follow, and ``voice``: a sound whose voices the segment's are like,
    which the first pass alone reads unless its recipe says otherwise. ``painted``: the clip, where
    a recipe paints it over and has it followed; of ``source`` nothing is kept then but its sound.
    """

    frames: tuple[ConditioningFrames, ...] = ()
    sound: RequestedSound | None = None
    references: tuple[RequestedReference, ...] = ()
    source: RequestedSource | None = None
    voice: RequestedVoice | None = None
    painted: PaintedSource | None = None


def requested_inputs(
    job: lt.Job,
    inputs: lt.DecodedInputs,
    state: LTX2ContinuationState | None,
    segment: SegmentClock,
    *,
    paints: bool = False,
) -> RequestedInputs:
    """What a request and its state bring, as far as the streams that are wanted need it.

    ``paints``: whether the clip that the segment is made of is painted over and followed.
    """
    has_sound = job.output.audio and job.inputs.audio is not None
    source = requested_source(job, inputs, segment)
    sound = requested_sound(inputs, segment) if has_sound else None
    return RequestedInputs(
        frames=tuple(_frames(job, inputs, state)) if job.output.video else (),
        sound=sound if source is None else source.sound,
        references=requested_references(job, inputs),
        source=None if paints else source,
        voice=requested_voice(job, inputs),
        painted=requested_painting(job, inputs) if paints else None,
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
        asked.append(ConditioningFrames(pixels, first, strength, prefix=prefix, continues=True))
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
    return placed_sound(clip, begin, segment, audio.strength)


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
    if state is not None and segment.context_latents and state.audio_conditioning_strength:
        return None  # what came before is made anew, in part
    audio, source = job.inputs.audio, job.inputs.source
    if source is not None:
        requested = requested_source(job, inputs, segment)
        sound = None if requested is None else requested.sound
        start = Fraction(source.frame_in(segment.num_frames)) / segment.fps
    elif audio is not None and audio.strength == 1:
        sound, start = requested_sound(inputs, segment), Fraction(audio.start)
    else:
        return None
    if sound is None or sound.start > segment.context_latents or sound.stop < segment.num_latents:
        return None
    if sound.remade != (0, 0):
        return None
    begin = Fraction(segment.first_frame) / segment.fps + start
    if source is None:
        return round(begin * sample_rate), inputs.audio(sample_rate)
    heard = heard_source(source, inputs, segment, sample_rate)
    assert heard is not None  # or there would be no sound
    # The last latent may reach beyond the picture by half of itself.
    return round(begin * sample_rate), np.pad(heard, ((0, 0), (0, sample_rate // 25)))
