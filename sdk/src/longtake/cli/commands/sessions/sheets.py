"""A contact sheet of every branch: ``longtake sessions show --sheet``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.sessions.family_tree import Relative
from longtake.cli.commands.sessions.parts import Parts
from longtake.errors import MissingDependencyError, OutputError, ValidationError
from longtake.files import check_replaceable
from longtake.media.contact_sheet import SegmentView, contact_sheet
from longtake.media.playing import frames_of, sound_of
from longtake.media.stacked_sheets import stack_sheets
from longtake.takes.notes import read_take_record

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["check_sheet", "write_sheet"]

_MOST = 12
"""Segments of a branch on its sheet: its last ones."""


def check_sheet(path: Path) -> None:
    """Raise `OutputError` when no sheet can be written there. Changes nothing."""
    if path.suffix.lower() != ".png":
        raise OutputError(str(path), "is no PNG; let the name end in .png")
    if os.path.lexists(path):
        raise OutputError(str(path), "is already there; choose another name")
    check_replaceable(path)


def write_sheet(relatives: Sequence[Relative], blobs: BlobStore, path: Path) -> None:
    """Write the contact sheets of all branches that have a segment, as one picture.

    Raises `ValidationError` where picture and sound are not in ``blobs``, or there are none.
    """
    try:
        import PIL  # noqa: F401  # asked for before anything is decoded
    except ImportError as error:
        raise MissingDependencyError("pillow", "--sheet") from error
    shown = [each for each in relatives if each.segments]
    if not shown:
        raise ValidationError("--sheet", "there is no segment yet to be seen; roll one")
    with TemporaryDirectory(prefix="longtake-") as folder:
        views = _Views(Parts(blobs, Path(folder)))
        sheets = [(each.record.id, _note(each, relatives), views.sheet(each)) for each in shown]
    try:
        stack_sheets(sheets).save(path)
    except OSError as error:
        raise OutputError(str(path), f"cannot be written: {error.strerror or error}") from error


@frozen(eq=False)
class _Seen:
    """What is seen and heard of one part: one channel of sound, float32 ``[1, samples]``."""

    view: SegmentView
    sound: NDArray[np.float32]
    sample_rate: int


@define
class _Views:
    """What the parts show, each decoded once."""

    _parts: Parts
    _seen: dict[Path, _Seen] = field(factory=dict, init=False)

    def sheet(self, relative: Relative) -> Image:
        """The contact sheet of a branch, with its shared past."""
        seen = [
            self._see(path)
            for path in self._parts.of(relative.record.id, relative.segments[-_MOST:])
        ]
        sound = np.concatenate([each.sound for each in seen], axis=1)
        rates = [each.sample_rate for each in seen if each.sample_rate]
        return contact_sheet(
            [each.view for each in seen],
            audio=sound if rates else None,
            sample_rate=rates[0] if rates else None,
        )

    def _see(self, path: Path) -> _Seen:
        if path not in self._seen:
            self._seen[path] = _seen(path)
        return self._seen[path]


def _seen(path: Path) -> _Seen:
    record = read_take_record(path)
    first = last = None
    for frame in frames_of(path) if record.height else ():
        first = frame.copy() if first is None else first
        last = frame
    pieces = [piece.mean(axis=0, dtype=np.float32) for piece in sound_of(path)]
    sound = np.concatenate([np.zeros(0, np.float32), *pieces])[np.newaxis]
    prompt = record.segments[0].prompt if record.segments else ""
    frames = record.end_frame - record.first_frame
    seconds = float(frames / record.fps) if record.height else sound.shape[1] / record.sample_rate
    return _Seen(SegmentView(first, last, prompt, seconds), sound, record.sample_rate)


def _note(relative: Relative, relatives: Sequence[Relative]) -> str:
    count = len(relative.segments)
    held = "1 segment" if count == 1 else f"{count} segments"
    if count > _MOST:
        held = f"the last {_MOST} of {held}"
    if relative.parent is None:
        return held
    parent = relatives[relative.parent].record.id
    return f"{held}, the first {relative.shared} of them {parent}'s"
