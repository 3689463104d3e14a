"""From places in a picture to latents: which tokens of a clip a mask touches.

A latent is touched when any pixel of its 32 x 32 is, in any of its frames: the first frame for the
first latent, eight for every other, as the VAE has them. (The trainer of Lightricks counts groups
of eight from the first frame on, which are not the VAE's.)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT
from longtake_ltx2.sizes import SPATIAL_FACTOR

__all__ = ["padding_of", "touched_tokens"]

Bools = NDArray[np.bool_]


def touched_tokens(places: Bools, frames: int, height: int, width: int) -> Bools:
    """``[F, H, W]``: the tokens of a pass of this size, ``frames`` long, that ``places`` touch.

    ``places``: ``[1, rows, columns]``, of all frames, or ``[frames, rows, columns]``. They are
    resized to cover the size and cut at the centre, as the pictures are.
    """
    rows, columns = places.shape[1:]
    scale = max(height / rows, width / columns)
    touched = places
    for axis, size, own in ((1, height, rows), (2, width, columns)):
        parts = [touched.take(range(*each), axis).any(axis) for each in _cells(own, size, scale)]
        touched = np.stack(parts, axis)
    latents = (frames - 1) // FRAMES_PER_LATENT + 1
    if len(touched) == 1:
        return np.repeat(touched, latents, axis=0)
    later = touched[1:].reshape(latents - 1, FRAMES_PER_LATENT, *touched.shape[1:])
    return np.concatenate([touched[:1], later.any(1)])


def padding_of(source: lt.SourceInput, rows: int, columns: int) -> Bools | None:
    """``[1, rows, columns]``: where a picture of this size is not the clip's; None where it is."""
    (top, bottom), (left, right) = source.padding
    if not (top or bottom or left or right):
        return None
    padding = np.ones((1, rows, columns), np.bool_)
    padding[:, top : rows - bottom, left : columns - right] = False
    return padding


def _cells(own: int, size: int, scale: float) -> list[tuple[int, int]]:
    """Pixels ``[start, stop)`` of ``own`` that each token of a side of ``size`` shows."""
    large = math.ceil(own * scale)
    first, ratio = (large - size) // 2, own / large
    return [
        (
            max(0, math.floor((first + start) * ratio)),
            min(own, math.ceil((first + start + SPATIAL_FACTOR) * ratio)),
        )
        for start in range(0, size, SPATIAL_FACTOR)
    ]
