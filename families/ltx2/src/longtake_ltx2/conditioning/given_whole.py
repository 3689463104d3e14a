"""Refusing requests without the stream that a recipe makes the other one to."""

from __future__ import annotations

import math
from typing import Literal

import longtake as lt
from longtake_ltx2.clock import SegmentClock
from longtake_ltx2.conditioning.encoding import SOUND_RATE
from longtake_ltx2.conditioning.requested import requested_sound, whole_sound
from longtake_ltx2.conditioning.source import requested_source
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.stage_overrides import LTX2PreparationOptions

__all__ = ["GivenStream", "check_given"]

GivenStream = Literal["video", "audio"]


def check_given(
    given: GivenStream,
    job: lt.Job,
    inputs: lt.DecodedInputs,
    state: LTX2ContinuationState | None,
    segment: SegmentClock,
    options: LTX2PreparationOptions | None,
) -> None:
    """Refuse a request that does not bring all of the stream ``given``, to be kept as it is.

    Raises `longtake.ValidationError`.
    """
    for name, wanted in (("video", job.output.video), ("audio", job.output.audio)):
        if not wanted:
            made = "the other is made to it" if name == given else "it is what is made"
            raise lt.ValidationError(f"output.{name}", f"is false; with this preset {made}")
    if given == "audio":
        _check_sound(job, inputs, state, segment)
    else:
        _check_picture(job, inputs, segment, options or LTX2PreparationOptions())


def _check_sound(
    job: lt.Job,
    inputs: lt.DecodedInputs,
    state: LTX2ContinuationState | None,
    segment: SegmentClock,
) -> None:
    if whole_sound(job, inputs, state, segment, SOUND_RATE) is not None:
        return
    audio = job.inputs.audio
    if job.inputs.source is not None:
        problem = "has no sound that is kept whole, and this preset makes a picture to one"
        raise lt.ValidationError("inputs.source", problem)
    if audio is None:
        raise lt.ValidationError(
            "inputs.audio", "is missing; this preset makes a picture to a sound: give one"
        )
    if audio.strength < 1:
        raise lt.ValidationError(
            "inputs.audio.strength", f"is {audio.strength:g}; this preset keeps the sound as it is"
        )
    sound, seconds = requested_sound(inputs, segment), float(segment.num_frames / segment.fps)
    if sound.start > segment.context_latents:
        where = "" if state is None else ", where that of the segment before ends"
        raise lt.ValidationError(
            "inputs.audio.start",
            f"is {audio.start:g}; with this preset the sound fills the segment: let it begin at "
            f"{_earliest(segment):.2f}{where}",
        )
    if sound.stop < segment.num_latents:
        raise lt.ValidationError(
            "inputs.audio.data",
            f"is over before the segment, which lasts {seconds:.2f} s; with this preset it fills "
            "it: make a shorter segment, or put silence behind the sound",
        )
    raise lt.ValidationError(
        "state.payload.audio_conditioning_strength",
        "has the sound before made anew in part; this preset keeps it as it is",
    )


def _earliest(segment: SegmentClock) -> float:
    """Seconds, in whole hundredths, at which the first audio latent begins that is not known."""
    if not segment.context_latents:
        return 0.0
    begin = (4 * segment.context_latents - 3) - 100 * float(segment.position_offset)
    return math.floor(begin) / 100


def _check_picture(
    job: lt.Job,
    inputs: lt.DecodedInputs,
    segment: SegmentClock,
    options: LTX2PreparationOptions,
) -> None:
    source, count = requested_source(job, inputs, segment), segment.num_frames
    if source is not None:
        kept = source.kept_tokens(job.sampling.height, job.sampling.width)
        if kept.all() and source.frames.num_frames == count and source.frames.strength == 1:
            return
        problem = "has no picture that is kept whole, and this preset makes a sound to one"
        raise lt.ValidationError("inputs.source", problem)
    if not job.inputs.clips:
        raise lt.ValidationError(
            "inputs.clips", "is empty; this preset makes a sound to a picture: give a clip"
        )
    if options.append_first:
        raise lt.ValidationError(
            "options.append_first",
            "is true; with this preset the clip takes the place of the segment's own picture",
        )
    clip, path = job.inputs.clips[0], "inputs.clips[0]"
    length = len(inputs.clip(0))
    if clip.strength < 1:
        raise lt.ValidationError(
            f"{path}.strength", f"is {clip.strength:g}; this preset keeps the clip as it is"
        )
    if clip.frame_in(count) or length != count:
        raise lt.ValidationError(
            f"{path}.data",
            f"has {length} frames from frame {clip.frame_in(count)} on; with this preset it fills "
            f"the segment, which has {count}: say num_frames, or cut it",
        )
