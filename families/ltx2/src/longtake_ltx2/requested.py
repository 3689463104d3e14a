"""What a request and its state condition the segment on, and refusing what cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT, LATENTS_PER_SECOND, SegmentClock, is_frame_count
from longtake_ltx2.conditioning import ConditioningFrames
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuing import repeated_frames
from longtake_ltx2.encoding import SOUND_RATE

__all__ = ["check_inputs", "requested_frames", "requested_sound", "sound_latents"]

_SMALLEST_SIDE = 2
"""Pixels of a still image: H.264 halves its colours."""
_MOST_ELONGATED = 16
"""How many times longer than the segment's picture one from outside may be, side to side.

It is resized until it covers the picture, so this bounds the memory that takes.
"""


def requested_frames(job: lt.Job, state: LTX2ContinuationState | None) -> list[ConditioningFrames]:
    """The state's trailing frames, then the images, then the clips."""
    asked = []
    if state is not None and (carried := repeated_frames(state)):
        first, strength = state.video_conditioning_frame_idx, state.video_conditioning_strength
        asked.append(ConditioningFrames(np.stack(carried), first, strength))
    for image in job.inputs.images:
        first = image.frame_in(job.sampling.num_frames)
        pixels = image.pixels()[None]
        asked.append(ConditioningFrames(pixels, first, image.strength, recompress=True))
    for clip in job.inputs.clips:
        first = clip.frame_in(job.sampling.num_frames)
        asked.append(ConditioningFrames(clip.frames(), first, clip.strength))
    return asked


def requested_sound(audio: lt.AudioInput, segment: SegmentClock) -> NDArray[np.float32]:
    """The clip on the segment's own time axis, which starts with its first audio latent.

    Stereo ``[2, n]`` at 16 kHz, silent where the clip is not; what goes beyond the segment's end
    is not used.
    """
    clip = audio.samples(SOUND_RATE)
    start = round((audio.start + float(segment.position_offset)) * SOUND_RATE)
    length = segment.num_latents * SOUND_RATE // LATENTS_PER_SECOND
    axis = np.zeros((len(clip), max(length, SOUND_RATE // 10)), np.float32)
    used = clip[:, : max(0, axis.shape[1] - start)]
    axis[:, start : start + used.shape[1]] = used
    return axis


def sound_latents(
    audio: lt.AudioInput, clip_seconds: float, segment: SegmentClock
) -> tuple[int, int]:
    """The segment's audio latents ``[start, stop)`` that lie within the clip as a whole."""
    begin = audio.start + float(segment.position_offset)
    start = ceil(begin * LATENTS_PER_SECOND - 1e-6)
    stop = floor((begin + clip_seconds) * LATENTS_PER_SECOND + 1e-6)
    return start, min(stop, segment.num_latents)


def check_inputs(job: lt.Job, state: LTX2ContinuationState | None, segment: SegmentClock) -> None:
    """Refuse inputs that lie outside the segment, on each other or on what the state carries.

    Raises `longtake.ValidationError` with the path of the field.
    """
    job.inputs.check(num_frames=job.sampling.num_frames, fps=job.sampling.fps)
    _check_wanted(job)
    _check_frames(job, 0 if state is None else len(repeated_frames(state)), segment)
    if job.inputs.audio is not None:
        _check_sound(job.inputs.audio, segment)


def _check_wanted(job: lt.Job) -> None:
    for name, given, wanted in (
        ("images", job.inputs.images, job.output.video),
        ("clips", job.inputs.clips, job.output.video),
        ("audio", job.inputs.audio, job.output.audio),
    ):
        if given and not wanted:
            output = "audio" if name == "audio" else "video"
            raise lt.ValidationError(f"inputs.{name}", f"has no effect without output.{output}")


def _pictures(job: lt.Job) -> Iterator[tuple[str, lt.ImageInput | lt.ClipInput, int]]:
    """Path and number of frames of every image and clip, what cannot be encoded refused."""
    for index, image in enumerate(job.inputs.images):
        path, (rows, columns) = f"inputs.images[{index}]", image.pixels().shape[:2]
        if min(rows, columns) < _SMALLEST_SIDE:
            problem = f"is {rows}x{columns} pixels; both sides must be {_SMALLEST_SIDE} or more"
            raise lt.ValidationError(f"{path}.data", problem)
        _check_shape(path, rows, columns, job.sampling)
        yield path, image, 1
    for index, clip in enumerate(job.inputs.clips):
        path, (frames, rows, columns) = f"inputs.clips[{index}]", clip.frames().shape[:3]
        if not is_frame_count(frames):
            below = (frames - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1
            problem = f"has {frames} frames; must have 8k + 1: cut it, e.g. to {below}"
            raise lt.ValidationError(f"{path}.data", problem)
        _check_shape(path, rows, columns, job.sampling)
        yield path, clip, frames


def _check_shape(path: str, rows: int, columns: int, sampling: lt.ResolvedSampling) -> None:
    elongation = (rows * sampling.width) / (columns * sampling.height)
    if max(elongation, 1 / elongation) > _MOST_ELONGATED:
        raise lt.ValidationError(
            f"{path}.data",
            f"is {rows}x{columns} pixels (height x width); too long for a segment of "
            f"{sampling.height}x{sampling.width}: cut it",
        )


def _check_frames(job: lt.Job, carried: int, segment: SegmentClock) -> None:
    count, repeated = job.sampling.num_frames, segment.repeated_frames if carried else 0
    taken: set[int] = set()
    for path, given, length in _pictures(job):
        first = given.frame_in(count)
        if first + length > count:
            raise lt.ValidationError(
                f"{path}.frame",
                f"is {given.frame}, and it has {length} frames; the segment has {count}",
            )
        if first < repeated:
            raise lt.ValidationError(
                f"{path}.frame",
                f"is {given.frame}; frames 0 to {repeated - 1} are those of the segment before",
            )
        own = set(range(first, first + length))
        if own & taken:
            raise lt.ValidationError(
                f"{path}.frame",
                f"is {given.frame}; frame {min(own & taken)} is another input's already",
            )
        taken |= own


def _check_sound(audio: lt.AudioInput, segment: SegmentClock) -> None:
    clip_seconds = audio.samples(SOUND_RATE).shape[1] / SOUND_RATE
    start, stop = sound_latents(audio, clip_seconds, segment)
    if start >= stop:
        seconds = float(segment.num_frames / segment.fps)
        raise lt.ValidationError(
            "inputs.audio.start",
            f"is {audio.start}; from there on no 40 ms of the clip lie in the segment, which lasts "
            f"{seconds:.2f} s",
        )
    if start < segment.context_latents:
        earliest = segment.context_latents / LATENTS_PER_SECOND - float(segment.position_offset)
        raise lt.ValidationError(
            "inputs.audio.start",
            f"is {audio.start}; the sound of the segment before reaches to {earliest:.2f} s",
        )
