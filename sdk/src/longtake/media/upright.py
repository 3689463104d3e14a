"""A decoded picture as its file wants it seen: its shape, its colours, and the right way up."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from attrs import frozen
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.colours import Colours
from longtake.media.displaymatrix import turns
from longtake.media.untrusted import MAX_PIXELS

__all__ = ["Appearance"]

_MAX_ASPECT = 16
"""Of one pixel, to either side."""


@frozen
class Appearance:
    """How a frame is shown.

    - ``height``, ``width``: of the picture as it is stored, its pixels made square.
    - ``transposed``: whether rows and columns change places; after that, ``mirrored`` is left to
      right and ``flipped`` top to bottom.
    - ``colours``: what its numbers mean.
    """

    height: int
    width: int
    transposed: bool
    mirrored: bool
    flipped: bool
    colours: Colours

    @classmethod
    def of(cls, frame: VideoFrame, pixel_aspect: Fraction = Fraction(1)) -> Appearance:
        """As the frame says; ``pixel_aspect`` is the width of a pixel by its height.

        Raises `ValidationError` with the path ``data``. Nothing is allocated.
        """
        height, width = _square(frame.height, frame.width, pixel_aspect)
        return cls(height, width, *turns(frame), Colours.of(frame))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width as shown."""
        return (self.width, self.height) if self.transposed else (self.height, self.width)

    def rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """uint8 RGB ``[*shape, 3]``, contiguous."""
        pixels = self.colours.rgb(frame, height=self.height, width=self.width)
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if self.mirrored:
            pixels = pixels[:, ::-1]
        if self.flipped:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)


def _square(height: int, width: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Height and width with square pixels.

    As in browsers and mpv one side grows, so that no pixel is lost: to the nearest even number.
    """
    if not Fraction(1, _MAX_ASPECT) <= pixel_aspect <= _MAX_ASPECT:
        problem = f"has pixels of {pixel_aspect}; at most {_MAX_ASPECT}:1 is taken: convert it"
        raise ValidationError("data", problem)
    if pixel_aspect > 1:
        width = 2 * round(width * pixel_aspect / 2)
    elif pixel_aspect < 1:
        height = 2 * round(height / pixel_aspect / 2)
    if height * width > MAX_PIXELS:
        problem = f"is shown as {width} x {height}; at most {MAX_PIXELS} pixels are taken"
        raise ValidationError("data", problem)
    return height, width
