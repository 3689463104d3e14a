"""Scenes that a program makes: what there is, where it is at any time, and when it bounces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from attrs import evolve, frozen
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BACKGROUNDS",
    "BLEND",
    "COLOURS",
    "RADIUS",
    "SHAPES",
    "SIZE",
    "SPEEDS",
    "Scene",
    "Thing",
]

Floats: TypeAlias = NDArray[np.float64]

SIZE = 64
"""Pixels of each side of the picture."""
RADIUS = 11.0
"""Pixels, of a circle; a square's sides are as far away from its middle."""
BLEND = 0.25
"""Seconds that a change of colour takes, and that a thing takes to appear."""
COLOURS = {
    "red": (1.00, 0.12, 0.10),
    "green": (0.10, 0.90, 0.15),
    "blue": (0.15, 0.30, 1.00),
    "yellow": (1.00, 0.90, 0.10),
}
"""Red, green and blue, 0 to 1."""
SHAPES = ("circle", "square", "triangle")
SPEEDS = {"slow": 16.0, "": 30.0, "fast": 48.0}
"""Pixels a second; the empty name is for who does not say one."""
BACKGROUNDS = {
    "at night": (0.06, 0.07, 0.13),
    "at dusk": (0.23, 0.12, 0.22),
    "in fog": (0.30, 0.33, 0.36),
}
_ROOM = SIZE - 2 * RADIUS
_FINE = 0.005
"""Seconds to which a bounce is known."""


@frozen
class Thing:
    """One thing that moves straight on and bounces off the four walls.

    - ``start``: its middle at the beginning, x and y in pixels. ``direction``: of length 1.
    - ``speeds``: from which second on it is how fast, in pixels a second, in order from 0 on.
    - ``appears``: the second at which it comes.
    """

    start: tuple[float, float]
    direction: tuple[float, float]
    speeds: tuple[tuple[float, float], ...]
    appears: float = 0.0

    def mirrored(self, appears: float) -> Thing:
        """What moves at the opposite place of the picture, and comes at ``appears``."""
        (x, y), (right, down) = self.start, self.direction
        return evolve(self, start=(SIZE - x, SIZE - y), direction=(-right, -down), appears=appears)

    def way(self, seconds: ArrayLike) -> Floats:
        """How far it has come, in pixels, at each time: shape ``[n]``."""
        times = np.asarray(seconds, float)
        way = np.zeros_like(times)
        ends = [*(at for at, _ in self.speeds[1:]), math.inf]
        for (begin, speed), end in zip(self.speeds, ends, strict=True):
            way += speed * np.clip(times - begin, 0, end - begin)
        return way

    def position(self, seconds: ArrayLike) -> Floats:
        """Its middle at each time: x and y in pixels, shape ``[n, 2]``."""
        turns = np.mod(self._unfolded(seconds), 2)
        places: Floats = RADIUS + _ROOM * np.where(turns > 1, 2 - turns, turns)
        return places

    def size(self, seconds: ArrayLike) -> Floats:
        """Its size at each time as a share of its full size, shape ``[n]``."""
        since = np.asarray(seconds, float) - self.appears
        found: Floats = np.clip(since / BLEND, 0, 1) if self.appears > 0 else np.ones_like(since)
        return found

    def bounces(self, begin: float, end: float) -> list[float]:
        """The seconds between ``begin`` and ``end`` at which it meets a wall, in order."""
        first, last = math.floor(max(begin, self.appears) / _FINE), math.ceil(end / _FINE)
        grid = np.arange(first, last + 1) * _FINE  # the take's: the same for every window
        cells = np.floor(self._unfolded(grid))
        found = np.flatnonzero((cells[1:] != cells[:-1]).any(axis=1))
        return [float(each) for each in grid[found] + _FINE / 2]

    def _unfolded(self, seconds: ArrayLike) -> Floats:
        """The place as shares of the room that it has, as if there were no walls: ``[n, 2]``."""
        way = self.way(seconds)[:, None] * np.asarray(self.direction)
        places: Floats = (np.asarray(self.start) - RADIUS + way) / _ROOM
        return places


@frozen
class Scene:
    """Things of one shape, which have one colour at a time.

    - ``shape``, ``background``: names. ``shade``: how much brighter the background is below.
    - ``colours``: from which second on they have which colour, in order from 0 on.
    """

    shape: str
    background: str
    shade: float
    colours: tuple[tuple[float, str], ...]
    things: tuple[Thing, ...]

    def colour(self, seconds: ArrayLike) -> Floats:
        """Red, green and blue at each time, 0 to 1, shape ``[n, 3]``."""
        times = np.asarray(seconds, float)
        found = np.broadcast_to(COLOURS[self.colours[0][1]], (len(times), 3)).copy()
        for begin, name in self.colours[1:]:
            share = np.clip((times - begin) / BLEND, 0, 1)[:, None]
            found += share * (np.asarray(COLOURS[name]) - found)
        return found

    def count(self, second: float) -> int:
        """How many things there are, those included that come just now."""
        return sum(each.appears <= second for each in self.things)


def share_apart(things: Sequence[Thing], seconds: Floats) -> float:
    """The share of the times at which no two of the things touch."""
    places = [each.position(seconds) for each in things]
    apart = np.ones(len(seconds), bool)
    for index, one in enumerate(places):
        for other in places[:index]:
            apart &= np.abs(one - other).max(axis=1) > 2 * RADIUS
    return float(apart.mean())
