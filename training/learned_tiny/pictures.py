"""The pictures of a scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.learned_tiny.scenes import BACKGROUNDS, RADIUS, SIZE, Scene

__all__ = ["FPS", "draw", "outline"]

FPS = 24
_EDGE = 1.5
"""Pixels over which an edge is softened."""
_ROWS, _COLUMNS = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) + 0.5


def draw(scene: Scene, first: int, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The pictures from number ``first`` on, and where the things are.

    Pictures are ``[3, count, SIZE, SIZE]``, -1 to 1; where the things are is
    ``[count, SIZE, SIZE]``, 0 to 1.
    """
    seconds = (first + np.arange(count)) / FPS
    covered = np.zeros((count, SIZE, SIZE), np.float32)
    for thing in scene.things:
        x, y = thing.position(seconds).astype(np.float32).T[:, :, None, None]
        size = thing.size(seconds).astype(np.float32)[:, None, None]
        distance = _distance(scene.shape, _COLUMNS - x, _ROWS - y, RADIUS * size)
        one = np.clip(0.5 - distance / _EDGE, 0, 1) * (size > 0)
        covered = np.maximum(covered, one)
    below = scene.shade * (_ROWS / SIZE - 0.5)
    ground = np.asarray(BACKGROUNDS[scene.background], np.float32)[:, None, None, None]
    ground = ground + below.astype(np.float32)
    colour = scene.colour(seconds).astype(np.float32).T[:, :, None, None]
    return (ground + (colour - ground) * covered) * 2 - 1, covered


def outline(shape: str, x: float, y: float, radius: float) -> NDArray[np.float32]:
    """Pixels to the outline of a shape at (x, y) ``[SIZE, SIZE]``, negative inside."""
    return _distance(shape, _COLUMNS - x, _ROWS - y, np.float32(radius))


def _distance(
    shape: str,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    radius: NDArray[np.float32] | np.float32,
) -> NDArray[np.float32]:
    """Pixels to the shape's outline, negative inside."""
    if shape == "circle":
        found = np.sqrt(x * x + y * y) - radius
    elif shape == "square":
        found = np.maximum(abs(x), abs(y)) - radius
    else:
        found = np.maximum(y - 0.72 * radius, 0.866 * abs(x) - 0.5 * y - 0.72 * radius)
    return found.astype(np.float32)
