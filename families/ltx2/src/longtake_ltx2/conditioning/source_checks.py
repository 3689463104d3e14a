"""Refusing clips that a segment cannot be made of."""

from __future__ import annotations

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT, SegmentClock, is_frame_count
from longtake_ltx2.conditioning.painting_checks import KEEPS_ALL, check_painting
from longtake_ltx2.conditioning.source import RequestedSource, requested_source

__all__ = ["check_shape", "check_source"]

_MOST_ELONGATED = 16
"""How many times longer than the segment's picture one from outside may be, side to side.

It is resized until it covers the picture, so this bounds the memory that takes.
"""
_PATH = "inputs.source"


def check_shape(path: str, rows: int, columns: int, sampling: lt.ResolvedSampling) -> None:
    elongation = (rows * sampling.width) / (columns * sampling.height)
    if max(elongation, 1 / elongation) > _MOST_ELONGATED:
        raise lt.ValidationError(
            path,
            f"is {rows}x{columns} pixels (height x width); too long for a segment of "
            f"{sampling.height}x{sampling.width}: cut it",
        )


def check_source(
    job: lt.Job,
    inputs: lt.DecodedInputs,
    segment: SegmentClock,
    repeated: int,
    *,
    paints: bool = False,
) -> set[int]:
    """Refuse a clip that does not fit the segment, or of which nothing would be made.

    ``repeated``: frames that are those of the segment before. ``paints``: whether the clip is
    painted over and followed, as `check_painting` has it. Returns the frames of the segment
    that are the clip's. Raises `longtake.ValidationError`.
    """
    source = job.inputs.source
    if source is None:
        return set()
    if job.inputs.audio is not None:
        raise lt.ValidationError(
            "inputs.audio", "is not taken beside inputs.source, whose sound is the segment's"
        )
    frames, rows, columns = inputs.source_frames().shape[:3]
    _check_length(source, frames)
    check_shape(f"{_PATH}.data", rows, columns, job.sampling)
    if source.remake_from is not None and source.remake_from >= frames / segment.fps:
        raise lt.ValidationError(
            f"{_PATH}.remake_from",
            f"is {source.remake_from:g}; the clip is over after {float(frames / segment.fps):g} s",
        )
    if paints:
        check_painting(source, inputs, segment)
        return set()
    _check_place(source, frames, segment, repeated)
    requested = requested_source(job, inputs, segment)
    assert requested is not None  # there is a clip
    size = job.sampling.height, job.sampling.width
    _check_made(job, requested, segment, size)
    return requested.kept_frames(*size)


def _check_length(source: lt.SourceInput, frames: int) -> None:
    if is_frame_count(frames):
        return
    below = (frames - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1
    raise lt.ValidationError(
        f"{_PATH}.num_frames" if source.num_frames is not None else f"{_PATH}.data",
        f"has {frames} frames; must have 8k + 1: take {below} of them (num_frames={below})",
    )


def _check_place(source: lt.SourceInput, frames: int, segment: SegmentClock, repeated: int) -> None:
    path, count = f"{_PATH}.frame", segment.num_frames
    first = source.frame_in(count)
    if first + frames > count:
        raise lt.ValidationError(
            path, f"is {source.frame}, and it has {frames} frames; the segment has {count}"
        )
    if first % FRAMES_PER_LATENT:
        raise lt.ValidationError(
            path,
            f"is {source.frame}; a clip that is kept begins at a frame that divides by "
            f"{FRAMES_PER_LATENT}, e.g. {first // FRAMES_PER_LATENT * FRAMES_PER_LATENT}",
        )
    if first < repeated:
        raise lt.ValidationError(
            path,
            f"is {source.frame}; frames 0 to {repeated - 1} are those of the segment before",
        )


def _check_made(
    job: lt.Job, requested: RequestedSource, segment: SegmentClock, size: tuple[int, int]
) -> None:
    """Something of the segment is to be made, and something where a mask says so."""
    kept, source = requested.kept_tokens(*size), job.inputs.source
    if not requested.touches(*size):
        raise lt.ValidationError(f"{_PATH}.mask.data", KEEPS_ALL)
    assert source is not None  # or nothing would have been requested
    if not kept.all() or len(requested.kept_frames(*size)) < segment.num_frames:
        return
    if source.strength < 1:
        return
    sound = requested.sound
    if job.output.audio and (sound is None or list(sound.runs()) != [(0, segment.num_latents)]):
        return
    raise lt.ValidationError(
        _PATH,
        "fills the segment, and nothing of it is remade: say from when to when "
        "(remake_from, remake_to), or where (mask), or make a longer segment",
    )
