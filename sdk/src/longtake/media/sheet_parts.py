"""The lower half of a contact sheet: the sound of a take over its time, and where its seams are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from longtake.media.spectrogram import LOWEST_HZ, highest_hz, row_of, spectrogram_picture

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

__all__ = [
    "BACKGROUND",
    "FAINT",
    "INK",
    "SEAM",
    "Box",
    "draw_axis",
    "draw_labels",
    "draw_seams",
    "draw_spectrum",
    "draw_wave",
    "text",
]

BACKGROUND = "#fafaf8"
INK = "#282c34"
FAINT = "#7c828f"
SEAM = "#de6e3c"

_PANEL = "#eef0f3"
_WAVE = "#3662a8"
_FONT_SIZE = 15
_SMALL = 12
_TICK_SPACING = 96
_QUIETEST = 1e-4
"""A waveform is enlarged to the height of the panel; what never exceeds this stays a line."""


@frozen
class Box:
    """A rectangle in pixels; ``right`` and ``bottom`` are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def inclusive(self) -> tuple[int, int, int, int]:
        """As Pillow draws rectangles."""
        return self.left, self.top, self.right - 1, self.bottom - 1

    def at(self, share: float) -> int:
        """The column at ``share`` of the width."""
        return self.left + round(self.width * share)


def text(
    draw: ImageDraw,
    place: tuple[float, float],
    words: str,
    colour: str,
    width: float,
    *,
    size: int = _FONT_SIZE,
    anchor: str = "lm",
) -> None:
    """Write ``words``, cut where they are wider than ``width`` pixels."""
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    # Pillow's own font has neither dashes nor an ellipsis.
    words = words.replace("\N{EN DASH}", "-").replace("\N{EM DASH}", "-")
    if draw.textlength(words, font) > width:
        while words and draw.textlength(words + "...", font) > width:
            words = words[:-1]
        words = words.rstrip() + "..." if words.strip() else ""
    draw.text(place, words, colour, font, anchor=anchor)


def draw_wave(draw: ImageDraw, box: Box, audio: NDArray[np.float32], share: float) -> None:
    """The loudest and softest sample per pixel, over the first ``share`` of the panel's width."""
    draw.rectangle(box.inclusive, fill=_PANEL)
    middle, half = (box.top + box.bottom - 1) / 2, box.height / 2 - 6
    draw.line((box.left, middle, box.right - 1, middle), fill="#d5d9e0")
    if audio.size == 0:
        return
    peak = float(np.abs(audio).max())
    scale, columns = half / max(peak, _QUIETEST), max(1, round(box.width * share))
    edges = np.linspace(0, audio.shape[1], columns + 1).astype(int)
    for x in range(columns):
        part = audio[:, edges[x] : max(edges[x] + 1, edges[x + 1])]
        top, bottom = middle - float(part.max()) * scale, middle - float(part.min()) * scale
        draw.line((box.left + x, round(top), box.left + x, round(bottom)), fill=_WAVE)
    level = f"peak {20 * np.log10(peak):.0f} dB" if peak > 0 else "silence"
    text(draw, (box.right - 6, box.top + 9), level, FAINT, box.width, size=_SMALL, anchor="rm")


def draw_spectrum(
    sheet: Image,
    draw: ImageDraw,
    box: Box,
    audio: NDArray[np.float32],
    sample_rate: int,
    share: float,
) -> None:
    """The spectrum over the first ``share`` of the panel's width, with some frequencies named."""
    from PIL import Image

    draw.rectangle(box.inclusive, fill=_PANEL)
    columns = max(1, round(box.width * share))
    picture = spectrogram_picture(audio, sample_rate, columns, box.height)
    sheet.paste(Image.fromarray(picture), (box.left, box.top))
    draw.line((box.left, box.top, box.right - 1, box.top), fill=BACKGROUND, width=2)
    for hertz in (100, 200, 500, 1000, 2000, 5000, 10000):
        if LOWEST_HZ < hertz < highest_hz(sample_rate) * 0.85:
            y = box.top + round(row_of(hertz, box.height, sample_rate))
            draw.line((box.left - 4, y, box.left - 1, y), fill=FAINT)
            name = f"{hertz // 1000}k" if hertz >= 1000 else str(hertz)
            text(draw, (box.left - 6, y), name, FAINT, box.left, size=10, anchor="rm")


def draw_labels(draw: ImageDraw, box: Box, shares: Sequence[float], labels: Sequence[str]) -> None:
    """Over the panel, each segment's label where its time begins."""
    for (begin, end), label in zip(pairwise([0.0, *shares]), labels, strict=True):
        left, right = box.at(begin), box.at(end)
        text(draw, (left + (6 if begin else 0), box.top - 13), label, INK, right - left - 12)


def draw_seams(draw: ImageDraw, boxes: Sequence[Box], shares: Sequence[float]) -> None:
    """A line through all panels at each seam."""
    top, bottom = boxes[0].top, boxes[-1].bottom
    for share in shares:
        x = boxes[0].at(share)
        draw.line((x, top, x, bottom - 1), fill=SEAM, width=1)
        draw.polygon(((x - 5, top - 8), (x + 5, top - 8), (x, top - 1)), fill=SEAM)


def draw_axis(draw: ImageDraw, box: Box, seconds: float) -> None:
    """Seconds under the panel."""
    step = _tick_step(seconds, max(1, box.width // _TICK_SPACING))
    digits = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    for index in range(int(seconds / step + 1e-9) + 1):
        x = box.left + round((box.width - 1) * index * step / seconds)
        draw.line((x, box.bottom, x, box.bottom + 5), fill=FAINT)
        anchor = "lt" if index == 0 else "rt" if x > box.right - _TICK_SPACING // 4 else "mt"
        place, name = (x, box.bottom + 10), f"{index * step:.{digits}f} s"
        text(draw, place, name, FAINT, _TICK_SPACING, size=13, anchor=anchor)


def _tick_step(seconds: float, most: int) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that needs at most ``most`` steps."""
    power = 10.0 ** np.floor(np.log10(seconds / most))
    return float(next(power * m for m in (1, 2, 5, 10) if power * m * most >= seconds * 0.999999))
