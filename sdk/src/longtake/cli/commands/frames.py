"""Frames as pictures in a folder: those that a state carries, and those at the seams of a take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from longtake.errors import MissingDependencyError, OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["write_frames", "write_pictures"]

_COLUMNS = 5
_GAP = 4
_SHEET_WIDTH = 1600


def write_frames(folder: Path, frames: Sequence[NDArray[np.uint8]]) -> list[Path]:
    """Write ``frame-000.png`` onwards and, last, ``contact-sheet.png`` of all of them.

    ``frames`` are uint8 RGB ``[H, W, 3]`` of one size. Returns and raises as `write_pictures`.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError("pillow", "--frames") from error
    pictures = [Image.fromarray(np.ascontiguousarray(frame)) for frame in frames]
    named = {f"frame-{index:03d}.png": picture for index, picture in enumerate(pictures)}
    return write_pictures(folder, {**named, "contact-sheet.png": _sheet(pictures)})


def write_pictures(folder: Path, pictures: Mapping[str, Image]) -> list[Path]:
    """Write each picture under its name, and return the paths.

    The folder is created, its parent is not. Raises `OutputError`, also when one of the files is
    already there.
    """
    try:
        folder.mkdir(exist_ok=True)
        for name in pictures:
            if (folder / name).exists():
                raise OutputError(str(folder / name), "is already there; choose another folder")
        for name, picture in pictures.items():
            picture.save(folder / name)
    except OutputError:
        raise
    except OSError as error:
        problem = f"the frames cannot be written: {error.strerror or error}"
        raise OutputError(str(folder), problem) from error
    return [folder / name for name in pictures]


def _sheet(pictures: Sequence[Image]) -> Image:
    """All pictures in rows, at their own size or as wide as the sheet allows."""
    from PIL import Image

    columns = min(_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    width = min(pictures[0].width, _SHEET_WIDTH // columns)
    height = max(1, round(pictures[0].height * width / pictures[0].width))
    size = (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "#fafaf8")
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        place = (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP))
        sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), place)
    return sheet
