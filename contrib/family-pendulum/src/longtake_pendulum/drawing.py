"""The picture: lit bobs on rods under a beam, springs between them, their shadows on a wall."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from longtake_pendulum.canvas import Array32, Canvas, Point, covered, disc, segment, spring
from longtake_pendulum.palettes import PALETTES
from longtake_pendulum.physics import Array

__all__ = ["Colours", "Layout", "Painter", "colours_of", "layout_for", "mixed"]

_LIGHT = np.array([-0.46, -0.58, 0.67], np.float32)
"""Where the light comes from, as a unit vector: left, above, in front."""

_COILS = 13
"""Of each spring. A number that followed its length would jump as it stretches."""

_STEEL = np.array([92, 92, 98], np.float32)
_SHINE = np.array([226, 226, 230], np.float32)
_SPRING = np.array([120, 118, 124], np.float32)
_BRASS = np.array([196, 158, 84], np.float32)
_BLACK = np.array([12, 8, 16], np.float32)


@frozen(eq=False)
class Colours:
    """Of one moment, float32 RGB from 0 to 255.

    ``wall``: ``[2, 3]``, where the light falls and where it does not. ``beam``: ``[3]``. ``bobs``:
    ``[5, 3]``, of the pendulums in turn.
    """

    wall: Array32
    beam: Array32
    bobs: Array32


def colours_of(palette: str) -> Colours:
    """The colours of the palette called ``palette``."""
    chosen = PALETTES[palette]
    return Colours(
        np.array([_rgb(chosen.light), _rgb(chosen.shade)], np.float32),
        np.array(_rgb(chosen.beam), np.float32),
        np.array([_rgb(bob) for bob in chosen.bobs], np.float32),
    )


def _rgb(text: str) -> list[int]:
    return [int(text[start : start + 2], 16) for start in (1, 3, 5)]


def mixed(one: Colours, other: Colours, share: float) -> Colours:
    """Between ``one`` (share 0) and ``other`` (share 1)."""
    part = np.float32(share)
    return Colours(
        one.wall + part * (other.wall - one.wall),
        one.beam + part * (other.beam - one.beam),
        one.bobs + part * (other.bobs - one.bobs),
    )


@frozen(eq=False)
class Layout:
    """Where things are, in pixels.

    - ``pivots``: x ``[n]``, all at ``pivot_y``.
    - ``rods``: lengths ``[n]``.
    - ``bob``: radius.
    - ``spring_depth``: along the rods.
    - ``unit``: what the widths of lines follow.
    """

    height: int
    width: int
    pivots: Array
    pivot_y: float
    rods: Array
    bob: float
    spring_depth: float
    unit: float


def layout_for(height: int, width: int, rods: Array) -> Layout:
    """Fit pendulums of ``rods`` (lengths in any unit, longest first) into a picture."""
    spacing = width / (len(rods) + 1)
    longest = min(0.66 * height, 2.4 * spacing)
    bob = min(0.068 * height, 0.25 * spacing)
    return Layout(
        height=height,
        width=width,
        pivots=width / 2 + spacing * (np.arange(len(rods), dtype=float) - (len(rods) - 1) / 2),
        pivot_y=0.5 * (height - longest - bob) * 0.86,
        rods=longest * rods / rods[0],
        bob=bob,
        spring_depth=0.36 * longest * rods[-1] / rods[0],
        unit=bob / 19,
    )


class Painter:
    """Draws frames of one size; the wall is kept while its colours stay."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._brightness = _brightness(layout.height, layout.width)
        self._dither = _dither(layout.height, layout.width)
        self._wall: tuple[Colours, Array32] | None = None

    def frame(self, angles: Array, colours: Colours) -> NDArray[np.uint8]:
        """The picture ``[H, W, 3]`` of pendulums at ``angles`` ``[n]``, in rad."""
        canvas = Canvas(self._background(colours).copy())
        bobs, hooks = self._places(angles)
        self._draw_shadows(canvas, bobs, hooks)
        self._draw_springs(canvas, hooks)
        for index, bob in enumerate(bobs):
            self._draw_rod(canvas, index, bob, hooks[index])
            _draw_bob(canvas, bob, self._layout.bob, colours.bobs[index % 5], colours.wall[0])
        self._draw_beam(canvas, colours)
        return np.ascontiguousarray(canvas.pixels.astype(np.uint8).transpose(1, 2, 0))

    def _places(self, angles: Array) -> tuple[list[Point], list[Point]]:
        """The bobs' centres, and where the springs are held."""
        at, sines, cosines = self._layout, np.sin(angles), np.cos(angles)

        def below(depths: Array) -> list[Point]:
            x, y = at.pivots + depths * sines, at.pivot_y + depths * cosines
            return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]

        return below(at.rods), below(np.full_like(at.rods, at.spring_depth))

    def _background(self, colours: Colours) -> Array32:
        """Wall, with half a step and a fixed dither of another, for rounding without bands."""
        if self._wall is None or self._wall[0] is not colours:
            light, shade = colours.wall
            wall = self._brightness * (light - shade)[:, None, None]
            wall += shade[:, None, None] + self._dither
            self._wall = (colours, np.minimum(wall, 255, out=wall))
        return self._wall[1]

    def _draw_shadows(self, canvas: Canvas, bobs: list[Point], hooks: list[Point]) -> None:
        """What the things between light and wall keep from the wall, the further the softer."""
        at = self._layout
        shift_x, shift_y = 13 * at.unit, 17 * at.unit
        for start, end in self._lines(bobs, hooks):
            shadow = segment(
                _moved(start, shift_x, shift_y), _moved(end, shift_x, shift_y), at.unit
            )
            canvas.draw(shadow, _BLACK, soft=1 + 7 * at.unit, opacity=0.6)
        for centre in bobs:
            shadow = disc(_moved(centre, shift_x, shift_y), at.bob)
            canvas.draw(shadow, _BLACK, soft=1 + 17 * at.unit, opacity=0.34)

    def _lines(self, bobs: list[Point], hooks: list[Point]) -> list[tuple[Point, Point]]:
        pivots = [(float(x), self._layout.pivot_y) for x in self._layout.pivots]
        return [*zip(pivots, bobs, strict=True), *pairwise(hooks)]

    def _draw_springs(self, canvas: Canvas, hooks: list[Point]) -> None:
        unit = self._layout.unit
        for start, end in pairwise(hooks):
            wire = spring(start, end, 0.75 * unit, coils=_COILS, height=4.2 * unit)
            canvas.draw(wire, _SPRING)

    def _draw_rod(self, canvas: Canvas, index: int, bob: Point, hook: Point) -> None:
        """A steel rod with a line of light along it, and what holds the springs."""
        at = self._layout
        pivot = (float(at.pivots[index]), at.pivot_y)
        canvas.draw(segment(pivot, bob, 1.5 * at.unit), _STEEL)
        aside = -0.5 * at.unit
        light = segment(_moved(pivot, aside, 0), _moved(bob, aside, 0), 0.45 * at.unit)
        canvas.draw(light, _SHINE, opacity=0.75)
        if len(at.pivots) > 1:
            canvas.draw(disc(hook, 2.6 * at.unit), _STEEL)

    def _draw_beam(self, canvas: Canvas, colours: Colours) -> None:
        """A wooden beam with its shadow, and a brass pin for each pendulum."""
        at = self._layout
        ends = [
            (float(at.pivots[0]) - 1.6 * at.bob, at.pivot_y),
            (float(at.pivots[-1]) + 1.6 * at.bob, at.pivot_y),
        ]
        thick = 6.5 * at.unit
        left, right = (_moved(end, 8 * at.unit, 10 * at.unit) for end in ends)
        shadow = segment(left, right, thick)
        canvas.draw(shadow, _BLACK, soft=1 + 12 * at.unit, opacity=0.3)
        window = canvas.around(*ends, margin=thick + 1)
        if window is not None:
            beam = segment(ends[0], ends[1], thick)
            height = (window.y - np.float32(at.pivot_y)) / np.float32(thick)
            round_light = 1.12 - 0.42 * (height + 0.35) ** 2
            wood = np.minimum(colours.beam[:, None, None] * round_light, 255)
            window.blend(covered(beam.distance(window), thick), wood)
        for x in at.pivots:
            pin = (float(x), at.pivot_y)
            canvas.draw(disc(pin, 3.4 * at.unit), _BRASS)
            canvas.draw(disc(_moved(pin, -1.0 * at.unit, -1.1 * at.unit), 1.1 * at.unit), _SHINE)


def _moved(point: Point, x: float, y: float) -> Point:
    return point[0] + x, point[1] + y


def _draw_bob(canvas: Canvas, centre: Point, radius: float, colour: Array32, wall: Array32) -> None:
    """A glossy ball: diffuse light, a highlight, and the wall's light around its rim."""
    window = canvas.around(centre, margin=radius + 1)
    if window is None:
        return
    x = (window.x - np.float32(centre[0])) / np.float32(radius)
    y = (window.y - np.float32(centre[1])) / np.float32(radius)
    square = x * x + y * y
    depth = np.sqrt(np.maximum(0, 1 - square))
    towards = np.maximum(0, x * _LIGHT[0] + y * _LIGHT[1] + depth * _LIGHT[2])
    # Blinn-Phong, seen from the front: halfway between light and eye.
    half = _LIGHT + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    gloss = np.clip(x * half[0] + y * half[1] + depth * half[2], 0, 1)
    shine = 0.85 * gloss**60 + 0.16 * gloss**9
    rim = np.float32(0.22) * (1 - depth) ** 3
    lit = colour[:, None, None] * (0.36 + 0.78 * towards) + wall[:, None, None] * rim
    lit += shine * (255 - np.minimum(lit, 255))
    distance = np.sqrt(square) * np.float32(radius)
    window.blend(covered(distance, radius), np.minimum(lit + 0.5, 255))


def _brightness(height: int, width: int) -> Array32:
    """How much of the light reaches each pixel of the wall ``[H, W]``, 0 to 1: a wide pool."""
    x = (np.arange(width, dtype=np.float32) + 0.5) / width
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    away = ((x - 0.36) / 0.95) ** 2 + ((y - 0.22) / 1.05) ** 2
    return np.exp(-1.6 * away).astype(np.float32)


def _dither(height: int, width: int) -> Array32:
    """A fixed pattern within [0, 1) ``[H, W]`` that hides the steps of a gradient.

    Interleaved gradient noise: J. Jimenez, "Next generation post processing in Call of Duty:
    Advanced Warfare", SIGGRAPH 2014.
    """
    x, y = np.arange(width), np.arange(height)[:, None]
    return (52.9829189 * ((0.06711056 * x + 0.00583715 * y) % 1) % 1).astype(np.float32)
