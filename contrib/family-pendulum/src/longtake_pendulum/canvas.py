"""A picture that shapes are drawn on, anti-aliased by their distance.

What covers a pixel follows from the distance between its centre and the shape, so that moving a
shape by a hundredth of a pixel changes the picture by about a hundredth. Only the pixels around a
shape are touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

__all__ = ["Array32", "Canvas", "Point", "Window", "covered", "disc", "segment", "spring"]

Array32: TypeAlias = NDArray[np.float32]
Point: TypeAlias = tuple[float, float]
"""x and y in pixels; the centre of the first pixel is (0.5, 0.5)."""


@frozen(eq=False)
class Window:
    """A part of a canvas.

    ``pixels``: ``[3, h, w]``, a view. ``x`` ``[w]`` and ``y`` ``[h, 1]``: where their centres are.
    """

    pixels: Array32
    x: Array32
    y: Array32

    def blend(self, coverage: Array32, colour: Any) -> None:
        """Lay ``colour`` over it: ``[3]``, or ``[3, h, w]``; ``coverage`` ``[h, w]`` is 0 to 1."""
        colour = np.asarray(colour, np.float32)
        colour = colour[:, None, None] if colour.ndim == 1 else colour
        difference = colour - self.pixels
        difference *= coverage
        np.add(self.pixels, difference, out=self.pixels)


@frozen(eq=False)
class Canvas:
    """``pixels``: float32 ``[3, H, W]``, 0 to 255."""

    pixels: Array32

    def around(self, *points: Point, margin: float) -> Window | None:
        """The part within ``margin`` of the box around ``points``; None if it is outside."""
        height, width = self.pixels.shape[1:]
        left, right = _clipped([x for x, _ in points], margin, width)
        top, bottom = _clipped([y for _, y in points], margin, height)
        if left >= right or top >= bottom:
            return None
        x = np.arange(left, right, dtype=np.float32) + np.float32(0.5)
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5)
        return Window(self.pixels[:, top:bottom, left:right], x, y)

    def draw(self, shape: Shape, colour: Any, *, soft: float = 1.0, opacity: float = 1.0) -> None:
        """Draw ``shape`` in ``colour`` ``[3]``; its edge is ``soft`` pixels wide."""
        window = self.around(*shape.points, margin=shape.radius + soft)
        if window is not None:
            coverage = covered(shape.distance(window), shape.radius, soft)
            window.blend(np.float32(opacity) * coverage, colour)


@frozen(eq=False)
class Shape:
    """All within ``radius`` of a line, which is ``distance`` from pixels and within ``points``."""

    points: tuple[Point, ...]
    radius: float
    distance: Callable[[Window], Array32]


def _clipped(values: list[float], margin: float, size: int) -> tuple[int, int]:
    first, last = min(values) - margin, max(values) + margin
    return max(0, int(np.floor(first))), min(size, int(np.ceil(last)) + 1)


def covered(distance: Array32, radius: float, soft: float = 1.0) -> Array32:
    """How much of each pixel a shape covers, from 1 within to 0 over ``soft`` pixels.

    What is thinner than its edge is drawn as wide as that and as much fainter: a line keeps its
    brightness wherever between two pixels it lies. An edge of more than a pixel is a smoothstep.
    """
    width = max(2 * radius, soft)
    share = np.clip((np.float32((width + soft) / 2) - distance) / np.float32(soft), 0, 1)
    if soft > 1:
        share = share * share * (3 - 2 * share)
    coverage: Array32 = np.float32(2 * radius / width) * share
    return coverage


def disc(centre: Point, radius: float) -> Shape:
    """A full circle."""

    def distance(window: Window) -> Array32:
        x, y = window.x - np.float32(centre[0]), window.y - np.float32(centre[1])
        away: Array32 = np.hypot(x, y)
        return away

    return Shape((centre,), radius, distance)


def segment(start: Point, end: Point, radius: float) -> Shape:
    """A line with round ends."""

    def distance(window: Window) -> Array32:
        along, across, length = _line_coordinates(window, start, end)
        beyond = along - np.clip(along, 0, np.float32(length))
        away: Array32 = np.hypot(beyond, across)
        return away

    return Shape((start, end), radius, distance)


def spring(start: Point, end: Point, radius: float, *, coils: int, height: float) -> Shape:
    """A wave from ``start`` to ``end``, ``height`` pixels to either side, that stretches with them.

    The distance from a wave is about the vertical one, over the root of 1 + slope^2.
    """

    def distance(window: Window) -> Array32:
        along, across, length = _line_coordinates(window, start, end)
        within = np.clip(along, 0, np.float32(length))
        pace = np.float32(2 * np.pi * coils / max(length, 1e-6))
        # The wave grows out of its ends, so that it meets what holds it in the middle.
        grown = np.float32(height) * np.minimum(1, 8 * np.minimum(within, length - within) / length)
        off = across - grown * np.sin(pace * within)
        slope = pace * grown * np.cos(pace * within)
        away: Array32 = np.hypot(along - within, off / np.sqrt(1 + slope * slope))
        return away

    reach = ((start[0], start[1] - height), (end[0], end[1] + height))
    return Shape((start, end, *reach), radius, distance)


def _line_coordinates(window: Window, start: Point, end: Point) -> tuple[Array32, Array32, float]:
    """How far pixels are along the line from ``start``, and to its side; and its length."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = float(np.hypot(dx, dy))
    cos, sin = (np.float32(dx / length), np.float32(dy / length)) if length else (1, 0)
    x, y = window.x - np.float32(start[0]), window.y - np.float32(start[1])
    return x * cos + y * sin, y * cos - x * sin, length
