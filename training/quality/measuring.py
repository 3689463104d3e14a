"""What is in pictures of a scene, told from the pictures alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from training.learned_tiny.pictures import FPS, outline
from training.learned_tiny.scenes import COLOURS, RADIUS, SHAPES, SPEEDS

__all__ = ["Seen", "Spot", "measure", "nearest_speed", "spots"]

Pictures: TypeAlias = NDArray[np.float32]

_SATURATED = 0.35
"""Things are colourful; backgrounds, at most a third as much."""
_SMALLEST = 60
"""Pixels of a thing, about a sixth of a whole one."""
_SHIFTS = (-1.0, 0.0, 1.0)
"""Pixels by which a shape is moved to fit."""


@frozen(eq=False)
class Spot:
    """Connected colourful pixels: their middle (x, y), number, and where they are."""

    middle: NDArray[np.float64]
    pixels: int
    where: NDArray[np.bool_]


@frozen
class Seen:
    """What was measured in pictures that follow each other.

    - ``count``: of things in most pictures. ``colour``, ``shape``: in most; empty where nothing is.
    - ``speed``: in pixels a second, the median of its steps.
    - ``there``: the share of the pictures in which there is at least one thing.
    """

    count: int
    colour: str
    shape: str
    speed: float
    there: float


def measure(pictures: Pictures) -> Seen:
    """Of pictures ``[T, SIZE, SIZE, 3]``, 0 to 1."""
    found = [spots(each) for each in pictures]
    counts = Counter(len(each) for each in found if each)
    colours = Counter(
        _colour(picture, one) for picture, each in zip(pictures, found, strict=True) for one in each
    )
    shapes = Counter(_shape(one) for each in found[::4] for one in each)
    return Seen(
        counts.most_common(1)[0][0] if counts else 0,
        colours.most_common(1)[0][0] if colours else "",
        shapes.most_common(1)[0][0] if shapes else "",
        _speed(found),
        sum(bool(each) for each in found) / len(found),
    )


def spots(picture: Pictures) -> list[Spot]:
    """The things of one picture ``[SIZE, SIZE, 3]``, from left to right."""
    colourful = picture.max(-1) - picture.min(-1) > _SATURATED
    found = []
    for where in _connected(colourful):
        rows, columns = np.nonzero(where)
        if len(rows) >= _SMALLEST:
            middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
            found.append(Spot(middle, len(rows), where))
    return sorted(found, key=lambda spot: float(spot.middle[0]))


def nearest_speed(speed: float) -> str:
    """The name of the speed that is nearest."""
    return min(SPEEDS, key=lambda name: abs(SPEEDS[name] - speed))


def _connected(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The parts of a mask whose pixels touch sides."""
    left, parts = mask.copy(), []
    while left.any():
        part = np.zeros_like(left)
        part[np.unravel_index(int(left.argmax()), left.shape)] = True
        size = 0
        while size != (size := int(part.sum())):
            for _ in range(8):
                grown = part.copy()
                grown[1:] |= part[:-1]
                grown[:-1] |= part[1:]
                grown[:, 1:] |= part[:, :-1]
                grown[:, :-1] |= part[:, 1:]
                part = grown & left
        parts.append(part)
        left &= ~part
    return parts


def _colour(picture: Pictures, spot: Spot) -> str:
    mean = picture[spot.where].mean(0)
    return min(COLOURS, key=lambda name: float(np.square(mean - COLOURS[name]).sum()))


def _shape(spot: Spot) -> str:
    """The shape that covers the spot best, wherever it lies best."""
    x, y = spot.middle
    best = {
        shape: max(
            _overlap(spot.where, outline(shape, x + right, y + down, RADIUS) < 0)
            for right in _SHIFTS
            for down in _SHIFTS
        )
        for shape in SHAPES
    }
    return max(best, key=lambda shape: best[shape])


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """The intersection over the union."""
    return float((one & other).sum() / (one | other).sum())


def _speed(found: Sequence[Sequence[Spot]]) -> float:
    steps = []
    for before, after in pairwise(found):
        if len(before) == len(after):
            steps += [
                float(min(np.linalg.norm(each.middle - one.middle) for each in after))
                for one in before
            ]
    return float(np.median(steps)) * FPS if steps else 0.0
