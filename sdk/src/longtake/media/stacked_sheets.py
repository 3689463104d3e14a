"""Contact sheets of several takes as one picture, each under its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from longtake.errors import ValidationError
from longtake.media.sheet_parts import BACKGROUND, FAINT, INK, text

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["stack_sheets"]

_MARGIN = 32
_HEADING = 46
_RULE = "#d5d9e0"


def stack_sheets(sheets: Sequence[tuple[str, str, Image]]) -> Image:
    """One RGB picture of the sheets, one below the other, on the left.

    ``sheets``: of each its name, a note that stands behind the name, and the sheet. Raises
    `ValidationError` without one.
    """
    from PIL import Image, ImageDraw

    if not sheets:
        raise ValidationError("sheets", "there are none; give at least one")
    width = max(sheet.width for _, _, sheet in sheets)
    height = sum(_HEADING + sheet.height for _, _, sheet in sheets)
    whole = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(whole)
    top = 0
    for number, (name, note, sheet) in enumerate(sheets):
        if number:
            draw.line((_MARGIN, top, width - _MARGIN - 1, top), fill=_RULE)
        room, middle = width - 2 * _MARGIN, top + _HEADING - 16
        text(draw, (_MARGIN, middle), name, INK, 0.6 * room, size=20)
        text(draw, (width - _MARGIN, middle), note, FAINT, 0.38 * room, anchor="rm")
        whole.paste(sheet, (0, top + _HEADING))
        top += _HEADING + sheet.height
    return whole
