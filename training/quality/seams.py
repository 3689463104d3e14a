"""How a take is at its seams, beside how it is inside its segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from attrs import fields, frozen
from numpy.typing import NDArray

from training.quality.measuring import spots

__all__ = ["Seams", "medians", "seams"]

Floats: TypeAlias = NDArray[np.float64]


@frozen
class Seams:
    """How the step over a seam is, beside those inside segments; medians over a take.

    Each is a pair, inside and at seams:

    - ``psnr``: of a picture against the one before, in dB.
    - ``jerk``: how far the middle of all things is from where it would be without a turn, in
      pixels.
    - ``colour``: how much the mean colour of things changes, 0 to 1.
    """

    psnr: tuple[float, float]
    jerk: tuple[float, float]
    colour: tuple[float, float]


def seams(segments: Sequence[NDArray[np.float32]]) -> Seams:
    """Of a take's segments, each ``[T, H, W, 3]``, 0 to 1."""
    pictures = np.concatenate(list(segments))
    starts = np.cumsum([len(each) for each in segments])[:-1]
    at = np.zeros(len(pictures), bool)
    at[starts] = True
    error = np.square(np.diff(pictures, axis=0)).mean(axis=(1, 2, 3))
    psnr = -10 * np.log10(np.maximum(error, 1e-9))
    places, colours = zip(*(_middle_and_colour(each) for each in pictures), strict=True)
    jerk = np.linalg.norm(np.diff(np.stack(places), 2, axis=0), axis=1)
    jump = np.abs(np.diff(np.stack(colours), axis=0)).mean(1)
    return Seams(
        _inside_and_at(psnr, at[1:]),
        _inside_and_at(jerk, at[2:] | at[1:-1]),
        _inside_and_at(jump, at[1:]),
    )


def medians(joined: Sequence[Seams]) -> dict[str, list[float]]:
    """Over all takes: of each figure, inside and at seams."""
    return {
        each.name: [
            round(float(np.nanmedian([getattr(one, each.name)[place] for one in joined])), 4)
            for place in (0, 1)
        ]
        for each in fields(Seams)
    }


def _inside_and_at(values: Floats, at: NDArray[np.bool_]) -> tuple[float, float]:
    return _median(values[~at]), _median(values[at])


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _middle_and_colour(picture: NDArray[np.float32]) -> tuple[Floats, Floats]:
    found = spots(picture)
    if not found:
        return np.full(2, np.nan), np.full(3, np.nan)
    where = np.any([spot.where for spot in found], axis=0)
    rows, columns = np.nonzero(where)
    return np.array([columns.mean(), rows.mean()]), picture[where].mean(0).astype(np.float64)
