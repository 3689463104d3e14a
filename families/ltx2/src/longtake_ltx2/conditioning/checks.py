"""Refusing inputs that a segment cannot be conditioned on."""

from __future__ import annotations

from collections.abc import Iterator

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT, LATENTS_PER_SECOND, SegmentClock, is_frame_count
from longtake_ltx2.conditioning.requested import requested_sound
from longtake_ltx2.conditioning.source_checks import check_shape, check_source
from longtake_ltx2.conditioning.voices import check_voice
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.continuation.carried import carried_count

__all__ = ["check_inputs"]

_SMALLEST_SIDE = 2
"""Pixels of a still image: H.264 halves its colours."""


def check_inputs(
    job: lt.Job,
    inputs: lt.DecodedInputs,
    state: LTX2ContinuationState | None,
    segment: SegmentClock,
    *,
    paints: bool = False,
) -> None:
    """Refuse inputs that lie outside the segment, on each other or on what the state carries.

    ``paints``: whether the clip that the segment is made of is painted over and followed. Raises
    `longtake.ValidationError` with the path of the field.
    """
    job.inputs.check_places(job.sampling.num_frames, job.sampling.fps)
    _check_wanted(job)
    repeated = segment.repeated_frames if state is not None and carried_count(state) else 0
    kept = check_source(job, inputs, segment, repeated, paints=paints)
    _check_frames(job, inputs, repeated, kept)
    _check_references(job, inputs)
    check_voice(job, inputs)
    if job.inputs.audio is not None:
        _check_sound(job.inputs.audio, inputs, segment)


def _check_wanted(job: lt.Job) -> None:
    for name, given, wanted in (
        ("images", job.inputs.images, job.output.video),
        ("clips", job.inputs.clips, job.output.video),
        ("references", job.inputs.references, job.output.video),
        ("source", job.inputs.source, job.output.video),
        ("audio", job.inputs.audio, job.output.audio),
        ("voice", job.inputs.voice, job.output.audio),
    ):
        if given and not wanted:
            output = "audio" if name in ("audio", "voice") else "video"
            raise lt.ValidationError(f"inputs.{name}", f"has no effect without output.{output}")


def _pictures(
    job: lt.Job, inputs: lt.DecodedInputs
) -> Iterator[tuple[str, lt.ImageInput | lt.ClipInput, int]]:
    """Path and number of frames of every image and clip, what cannot be encoded refused."""
    for index, image in enumerate(job.inputs.images):
        path, (rows, columns) = f"inputs.images[{index}]", inputs.image(index).shape[:2]
        if min(rows, columns) < _SMALLEST_SIDE:
            problem = f"is {rows}x{columns} pixels; both sides must be {_SMALLEST_SIDE} or more"
            raise lt.ValidationError(f"{path}.data", problem)
        check_shape(f"{path}.data", rows, columns, job.sampling)
        yield path, image, 1
    for index, clip in enumerate(job.inputs.clips):
        path, (frames, rows, columns) = f"inputs.clips[{index}]", inputs.clip(index).shape[:3]
        if not is_frame_count(frames):
            below = (frames - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1
            problem = f"has {frames} frames; must have 8k + 1: cut it, e.g. to {below}"
            raise lt.ValidationError(f"{path}.data", problem)
        check_shape(f"{path}.data", rows, columns, job.sampling)
        yield path, clip, frames


def _check_references(job: lt.Job, inputs: lt.DecodedInputs) -> None:
    for index in range(len(job.inputs.references)):
        path, (rows, columns) = f"inputs.references[{index}]", inputs.reference(index).shape[1:3]
        check_shape(f"{path}.data", rows, columns, job.sampling)
        if (mask := inputs.reference_mask(index)) is not None:
            rows, columns = mask.shape[1:3]
            check_shape(f"{path}.mask", rows, columns, job.sampling)


def _check_frames(job: lt.Job, inputs: lt.DecodedInputs, repeated: int, kept: set[int]) -> None:
    """``repeated``: frames of the segment before. ``kept``: those of a clip that it is made of."""
    count, taken = job.sampling.num_frames, kept
    for path, given, length in _pictures(job, inputs):
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


def _check_sound(audio: lt.AudioInput, inputs: lt.DecodedInputs, segment: SegmentClock) -> None:
    sound = requested_sound(inputs, segment)
    if sound.start >= sound.stop:
        seconds = float(segment.num_frames / segment.fps)
        raise lt.ValidationError(
            "inputs.audio.start",
            f"is {audio.start}; from there on no 40 ms of the clip lie in the segment, which lasts "
            f"{seconds:.2f} s: let it begin earlier, or give a longer one",
        )
    if sound.start < segment.context_latents:
        earliest = segment.context_latents / LATENTS_PER_SECOND - float(segment.position_offset)
        raise lt.ValidationError(
            "inputs.audio.start",
            f"is {audio.start}; the sound of the segment before reaches to {earliest:.2f} s",
        )
