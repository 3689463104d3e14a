"""A take at a glance: the first and last frame of each segment, and the waveform under them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from longtake.errors import MissingDependencyError, ValidationError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

__all__ = ["SegmentView", "contact_sheet"]

_MAX_COLUMNS = 6
_MARGIN = 32
_GAP = 16
_FRAME_GAP = 6
_LABEL_HEIGHT = 28
_WAVE_HEIGHT = 144
_AXIS_HEIGHT = 36
_MIN_CONTENT_WIDTH = 576
_TICK_SPACING = 96

_FONT_SIZE = 15
_BACKGROUND = "#fafaf8"
_PANEL = "#eef0f3"
_INK = "#282c34"
_FAINT = "#8a909c"
_WAVE = "#3662a8"
_SEAM = "#de6e3c"


@frozen(eq=False)
class SegmentView:
    """One segment on the sheet.

    ``first`` and ``last`` are its frames, uint8 ``[H, W, 3]``; ``label`` is the line above them;
    ``seconds`` is how long its picture is, from which the seams follow.
    """

    first: NDArray[np.uint8]
    last: NDArray[np.uint8]
    label: str
    seconds: float


@frozen
class _Layout:
    """Where things are, in pixels."""

    segments: int
    thumb_width: int
    thumb_height: int

    @property
    def columns(self) -> int:
        # Even rows: eight segments are four and four, not six and two.
        rows = -(-self.segments // _MAX_COLUMNS)
        return -(-self.segments // rows)

    @property
    def rows(self) -> int:
        return -(-self.segments // self.columns)

    @property
    def content_width(self) -> int:
        return max(self.columns * (self.thumb_width + _GAP) - _GAP, _MIN_CONTENT_WIDTH)

    @property
    def row_height(self) -> int:
        return _LABEL_HEIGHT + 2 * self.thumb_height + _FRAME_GAP + _GAP

    @property
    def wave_box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the waveform's panel; right and bottom are outside."""
        top = _MARGIN + self.rows * self.row_height + _GAP // 2
        return _MARGIN, top, _MARGIN + self.content_width, top + _WAVE_HEIGHT

    @property
    def size(self) -> tuple[int, int]:
        return self.content_width + 2 * _MARGIN, self.wave_box[3] + _AXIS_HEIGHT + _GAP // 2

    def column_origin(self, index: int) -> tuple[int, int]:
        row, column = divmod(index, self.columns)
        grid_width = self.columns * (self.thumb_width + _GAP) - _GAP
        left = _MARGIN + (self.content_width - grid_width) // 2
        return left + column * (self.thumb_width + _GAP), _MARGIN + row * self.row_height


def contact_sheet(
    segments: Sequence[SegmentView],
    *,
    audio: NDArray[np.float32] | None,
    sample_rate: int | None,
    thumb_width: int = 320,
) -> Image:
    """Draw the sheet, an RGB picture.

    One column per segment, in rows of at most six, and below them the loudest and softest sample
    per pixel of the take's sound, ``audio`` float32 ``[channels, samples]`` in -1..1 at
    ``sample_rate`` Hz (both None for a take without sound), over a time axis in seconds with a
    line at each seam. All frames have one size; they are scaled to ``thumb_width`` pixels.

    Raises :class:`ValidationError` without a segment and :class:`MissingDependencyError` without
    Pillow.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise MissingDependencyError("pillow", "the contact sheet") from error
    if not segments:
        raise ValidationError("segments", "a contact sheet needs at least one segment")
    height, width = segments[0].first.shape[:2]
    layout = _Layout(len(segments), thumb_width, max(1, round(thumb_width * height / width)))
    sheet = Image.new("RGB", layout.size, _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for index, segment in enumerate(segments):
        _draw_segment(sheet, draw, layout, index, segment)
    seams = list(accumulate(segment.seconds for segment in segments))
    seconds = seams[-1]
    if audio is not None and sample_rate is not None:
        seconds = max(seconds, audio.shape[1] / sample_rate)
    draw.rectangle(_inclusive(layout.wave_box), fill=_PANEL)
    if audio is not None and sample_rate is not None:
        _draw_wave(draw, layout.wave_box, audio, audio.shape[1] / sample_rate / seconds)
    _draw_seams(draw, layout.wave_box, [seam / seconds for seam in seams[:-1]])
    _draw_axis(draw, layout.wave_box, seconds)
    return sheet


def _draw_segment(
    sheet: Image, draw: ImageDraw, layout: _Layout, index: int, segment: SegmentView
) -> None:
    from PIL import Image, ImageFont

    left, top = layout.column_origin(index)
    size = (layout.thumb_width, layout.thumb_height)
    label = _fitted(draw, segment.label, layout.thumb_width)
    font = ImageFont.load_default(_FONT_SIZE)
    draw.text((left, top + _LABEL_HEIGHT // 2 - 2), label, _INK, font, anchor="lm")
    enlarged = segment.first.shape[1] < layout.thumb_width
    # Enlarged pixels stay square: what a small model made should not look out of focus.
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    for place, frame in enumerate((segment.first, segment.last)):
        y = top + _LABEL_HEIGHT + place * (layout.thumb_height + _FRAME_GAP)
        sheet.paste(Image.fromarray(np.ascontiguousarray(frame)).resize(size, method), (left, y))


def _fitted(draw: ImageDraw, text: str, width: int) -> str:
    """``text``, cut where it is wider than ``width`` pixels."""
    from PIL import ImageFont

    font = ImageFont.load_default(_FONT_SIZE)
    # Pillow's own font has neither dashes nor an ellipsis.
    text = text.replace("\N{EN DASH}", "-").replace("\N{EM DASH}", "-")
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "...", font) > width:
        text = text[:-1]
    return text.rstrip() + "..."


def _draw_wave(
    draw: ImageDraw, box: tuple[int, int, int, int], audio: NDArray[np.float32], share: float
) -> None:
    """Draw the sound over the first ``share`` of the panel's width."""
    left, top, right, bottom = box
    middle, half = (top + bottom) / 2, (bottom - top) / 2 - 8
    columns = max(1, round((right - left) * share))
    draw.line((left, middle, right - 1, middle), fill="#d5d9e0")
    if audio.size == 0:
        return
    edges = np.linspace(0, audio.shape[1], columns + 1).astype(int)
    for x in range(columns):
        part = audio[:, edges[x] : max(edges[x] + 1, edges[x + 1])]
        high, low = np.clip((part.max(), part.min()), -1.0, 1.0)
        y = (middle - float(high) * half, middle - float(low) * half)
        draw.line((left + x, round(y[0]), left + x, round(y[1])), fill=_WAVE)


def _draw_seams(draw: ImageDraw, box: tuple[int, int, int, int], shares: Sequence[float]) -> None:
    left, top, right, bottom = box
    for share in shares:
        x = left + round((right - left) * share)
        draw.line((x, top, x, bottom - 1), fill=_SEAM, width=1)
        draw.polygon(((x - 4, top - 6), (x + 4, top - 6), (x, top)), fill=_SEAM)


def _draw_axis(draw: ImageDraw, box: tuple[int, int, int, int], seconds: float) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(_FONT_SIZE - 2)
    left, _, right, bottom = box
    step = _tick_step(seconds, max(1, (right - left) // _TICK_SPACING))
    digits = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    for index in range(int(seconds / step + 1e-9) + 1):
        x = left + round((right - 1 - left) * index * step / seconds)
        draw.line((x, bottom, x, bottom + 5), fill=_FAINT)
        anchor = "lt" if index == 0 else "rt" if x > right - _TICK_SPACING // 4 else "mt"
        draw.text((x, bottom + 10), f"{index * step:.{digits}f} s", _FAINT, font, anchor=anchor)


def _tick_step(seconds: float, most: int) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that needs at most ``most`` steps."""
    power = 10.0 ** np.floor(np.log10(seconds / most))
    return float(next(power * m for m in (1, 2, 5, 10) if power * m * most >= seconds * 0.999999))


def _inclusive(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return box[0], box[1], box[2] - 1, box[3] - 1
