"""A take at a glance: its first and last frame, every seam, and the sound under them.

At a seam the last frame of one segment and the first new one of the next stand side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from longtake.errors import MissingDependencyError, ValidationError
from longtake.media.sheet_parts import (
    BACKGROUND,
    FAINT,
    INK,
    SEAM,
    Box,
    draw_axis,
    draw_labels,
    draw_seams,
    draw_spectrum,
    draw_wave,
    text,
)

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

__all__ = ["SegmentView", "contact_sheet"]

_MAX_COLUMNS = 3
_MARGIN = 32
_GAP = 20
_CAPTION_HEIGHT = 26
_BAND_HEIGHT = 30
_WAVE_HEIGHT = 84
_SPECTRUM_HEIGHT = 168
_AXIS_HEIGHT = 34
_MIN_CONTENT_WIDTH = 640


@frozen(eq=False)
class SegmentView:
    """One segment on the sheet.

    ``first`` and ``last`` are its frames, uint8 ``[H, W, 3]``, or None in a take without pictures;
    ``label`` is the line over its sound; ``seconds`` is how long it is, from which the seams
    follow.
    """

    first: NDArray[np.uint8] | None
    last: NDArray[np.uint8] | None
    label: str
    seconds: float


@frozen(eq=False)
class _Pair:
    """Two frames side by side under a line: those of a seam, or the ends of the take."""

    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    caption: str
    is_seam: bool


@frozen
class _Layout:
    """Where things are, in pixels. ``pairs``: how many; ``has_sound``: below them."""

    pairs: int
    has_sound: bool
    thumb_width: int
    thumb_height: int

    @property
    def columns(self) -> int:
        # Even rows: four pairs are two and two, not three and one.
        rows = max(1, -(-self.pairs // _MAX_COLUMNS))
        return -(-self.pairs // rows)

    @property
    def grid_width(self) -> int:
        return self.columns * (2 * self.thumb_width + _GAP) - _GAP

    @property
    def content_width(self) -> int:
        return max(self.grid_width, _MIN_CONTENT_WIDTH)

    @property
    def row_height(self) -> int:
        return _CAPTION_HEIGHT + self.thumb_height + _GAP

    def pair_origin(self, index: int) -> tuple[int, int]:
        """Left and top of a pair's caption."""
        row, column = divmod(index, self.columns)
        left = _MARGIN + (self.content_width - self.grid_width) // 2
        return left + column * (2 * self.thumb_width + _GAP), _MARGIN + row * self.row_height

    def panel(self, above: int, height: int) -> Box:
        """A box as wide as the sheet, ``above`` pixels under the pictures."""
        rows = -(-self.pairs // self.columns) if self.pairs else 0
        top = _MARGIN + rows * self.row_height + above
        return Box(_MARGIN, top, _MARGIN + self.content_width, top + height)

    @property
    def wave(self) -> Box:
        return self.panel(_BAND_HEIGHT, _WAVE_HEIGHT if self.has_sound else _GAP)

    @property
    def spectrum(self) -> Box:
        height = _SPECTRUM_HEIGHT if self.has_sound else 0
        return Box(self.wave.left, self.wave.bottom, self.wave.right, self.wave.bottom + height)

    @property
    def size(self) -> tuple[int, int]:
        return self.content_width + 2 * _MARGIN, self.spectrum.bottom + _AXIS_HEIGHT + _GAP // 2


def contact_sheet(
    segments: Sequence[SegmentView],
    *,
    audio: NDArray[np.float32] | None,
    sample_rate: int | None,
    thumb_width: int = 320,
) -> Image:
    """Draw the sheet, an RGB picture.

    First come pairs of frames, in rows of at most three: the first and last frame of the take, and
    at each seam the last frame before and the first new one after it. Below them is the sound,
    ``audio`` float32 ``[channels, samples]`` in -1..1 at ``sample_rate`` Hz (both None for a take
    without sound): its waveform as high as its loudest sample, its spectrum in octaves, and a time
    axis in seconds. A line goes through them at each seam. All frames have one size; they are
    scaled to ``thumb_width`` pixels, or to twice that in height.

    Raises :class:`ValidationError` without a segment and :class:`MissingDependencyError` without
    Pillow.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise MissingDependencyError("pillow", "the contact sheet") from error
    if not segments:
        raise ValidationError("segments", "a contact sheet needs at least one segment")
    ends = list(accumulate(segment.seconds for segment in segments))
    pairs, has_sound = _pairs(segments, ends), audio is not None and sample_rate is not None
    layout = _Layout(len(pairs), has_sound, *_thumb_size(pairs, thumb_width))
    sheet = Image.new("RGB", layout.size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for index, pair in enumerate(pairs):
        _draw_pair(sheet, draw, layout, index, pair)
    seconds = ends[-1]
    if audio is not None and sample_rate is not None:
        seconds = max(seconds, audio.shape[1] / sample_rate)
        share = audio.shape[1] / sample_rate / seconds
        draw_wave(draw, layout.wave, audio, share)
        draw_spectrum(sheet, draw, layout.spectrum, audio, sample_rate, share)
    else:
        draw.rectangle(layout.wave.inclusive, fill="#eef0f3")
    shares = [end / seconds for end in ends]
    draw_labels(draw, layout.wave, shares, [segment.label for segment in segments])
    draw_seams(draw, (layout.wave, layout.spectrum), shares[:-1])
    draw_axis(draw, layout.spectrum, seconds)
    return sheet


def _pairs(segments: Sequence[SegmentView], ends: Sequence[float]) -> list[_Pair]:
    """What is shown of the frames; nothing when a segment has none."""
    frames = [(each.first, each.last) for each in segments]
    shown = [(first, last) for first, last in frames if first is not None and last is not None]
    if len(shown) < len(frames):
        return []
    pairs = [_Pair(shown[0][0], shown[-1][1], "first and last frame", False)]
    for number, ((_, last), (first, _)) in enumerate(pairwise(shown), 1):
        pairs.append(_Pair(last, first, f"seam {number} at {ends[number - 1]:.2f} s", True))
    return pairs


def _thumb_size(pairs: Sequence[_Pair], width: int) -> tuple[int, int]:
    """Width and height of a frame on the sheet: its own shape, but never higher than two widths."""
    if not pairs:
        return width, 0
    high, wide = pairs[0].left.shape[:2]
    height = round(width * high / wide)
    if height > 2 * width:
        return max(1, round(2 * width * wide / high)), 2 * width
    return width, max(1, height)


def _draw_pair(sheet: Image, draw: ImageDraw, layout: _Layout, index: int, pair: _Pair) -> None:
    """Two frames that touch where they are a seam, which two small triangles point at."""
    from PIL import Image

    left, top = layout.pair_origin(index)
    size = (layout.thumb_width, layout.thumb_height)
    middle, y = left + layout.thumb_width, top + _CAPTION_HEIGHT
    if pair.is_seam:
        for tip, base in ((y - 2, y - 9), (y + size[1] + 1, y + size[1] + 8)):
            draw.polygon(((middle - 5, base), (middle + 4, base), (middle - 0.5, tip)), fill=SEAM)
    text(draw, (left, top + 11), pair.caption, INK if pair.is_seam else FAINT, layout.thumb_width)
    gap = 0 if pair.is_seam else 2
    enlarged = pair.left.shape[1] < layout.thumb_width
    # Enlarged pixels stay square: what a small model made should not look out of focus.
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    for x, frame in ((left - gap, pair.left), (middle + gap, pair.right)):
        sheet.paste(Image.fromarray(np.ascontiguousarray(frame)).resize(size, method), (x, y))
