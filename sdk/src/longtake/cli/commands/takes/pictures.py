"""Pictures of a take's file: the frames at its seams with a contact sheet, and a thumbnail."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from longtake.cli.commands.frames import write_pictures
from longtake.durable import replace_file
from longtake.errors import MissingDependencyError, OutputError, ValidationError
from longtake.files import check_replaceable
from longtake.media.contact_sheet import SegmentView, contact_sheet
from longtake.media.playing import frames_of, sound_of
from longtake.media.stills import encode_still
from longtake.takes.record import SegmentRecord, TakeRecord

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["check_thumbnail", "sheet_of", "write_seams", "write_thumbnail"]

_THUMBNAIL_SIDE = 512


def write_seams(path: Path, record: TakeRecord, folder: Path) -> list[Path]:
    """Write the first and last frame of each segment, and last the contact sheet.

    A frame's file has its number in the take. Returns and raises as `write_pictures`; also
    `ValidationError` for a take without a segment.
    """
    try:
        from PIL.Image import fromarray
    except ImportError as error:
        raise MissingDependencyError("pillow", "--frames") from error
    if not record.segments:
        raise ValidationError(str(path), "holds no segment, so it has no frames to write")
    frames = _frames_at_seams(path, record)
    sheet = _sheet(path, record, frames)
    named = {f"frame-{n:06d}.png": fromarray(frame) for n, frame in frames.items()}
    return write_pictures(folder, {**named, "contact-sheet.png": sheet})


def sheet_of(path: Path, record: TakeRecord) -> Image:
    """The contact sheet of the take at ``path``. Raises `MissingDependencyError` without Pillow."""
    return _sheet(path, record, _frames_at_seams(path, record))


def _sheet(path: Path, record: TakeRecord, frames: Mapping[int, NDArray[np.uint8]]) -> Image:
    views = [_view(segment, frames, record) for segment in record.segments]
    sound = _sound(path, record)
    return contact_sheet(
        views, audio=sound, sample_rate=None if sound is None else record.sample_rate
    )


def check_thumbnail(thumbnail: Path) -> None:
    """Raise `OutputError` when no thumbnail can be written there. Changes nothing."""
    if thumbnail.suffix.lower() != ".png":
        raise OutputError(str(thumbnail), "is no PNG; let the name end in .png")
    if os.path.lexists(thumbnail):
        raise OutputError(str(thumbnail), "is already there; choose another name")
    check_replaceable(thumbnail)


def write_thumbnail(path: Path, thumbnail: Path) -> None:
    """Write the first frame of the take at ``path``, at most 512 pixels a side.

    Raises `ValidationError` for a take without pictures and `OutputError` when it cannot be
    written.
    """
    pixels = next(frames_of(path), None)
    if pixels is None:
        raise ValidationError(str(path), "has no pictures, so none can be its thumbnail")
    try:
        replace_file(os.path.realpath(thumbnail), encode_still(_scaled(pixels)))
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise OutputError(str(thumbnail), problem) from error


def _scaled(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from av.video.frame import VideoFrame
    from av.video.reformatter import Interpolation

    height, width = pixels.shape[:2]
    scale = _THUMBNAIL_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    small = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(
        width=max(1, round(width * scale)),
        height=max(1, round(height * scale)),
        interpolation=Interpolation.AREA,
    )
    return small.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def _frames_at_seams(path: Path, record: TakeRecord) -> dict[int, NDArray[np.uint8]]:
    """The first and last frame of each segment, by their numbers in the take."""
    if not record.height:
        return {}
    wanted = {n for segment in record.segments for n in _ends(segment) if segment.frames}
    numbered = enumerate(frames_of(path), record.first_frame)
    return {number: frame for number, frame in numbered if number in wanted}


def _ends(segment: SegmentRecord) -> tuple[int, int]:
    return segment.first_frame, segment.first_frame + segment.frames - 1


def _view(
    segment: SegmentRecord, frames: Mapping[int, NDArray[np.uint8]], record: TakeRecord
) -> SegmentView:
    first, last = (frames.get(number) for number in _ends(segment))
    if record.height:
        seconds = float(segment.frames / record.fps)
    else:
        seconds = segment.samples / record.sample_rate
    return SegmentView(first, last, segment.prompt, seconds)


def _sound(path: Path, record: TakeRecord) -> NDArray[np.float32] | None:
    """The sound as one channel, float32 ``[1, samples]``; None without."""
    if not record.channels:
        return None
    parts = [piece.mean(axis=0, dtype=np.float32) for piece in sound_of(path)]
    return np.concatenate([np.zeros(0, np.float32), *parts])[np.newaxis]
