"""What becomes of things, colour, sharpness and loudness over many segments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from attrs import asdict, frozen
from numpy.typing import NDArray

import longtake as lt
from training.quality.measuring import measure, spots
from training.quality.takes import Told

__all__ = ["Stretch", "drift_of", "stretches"]

_FIRST, _LAST = 3, 10
"""Segments that say how a take began and how it ended."""
_SILENCE = 1e-4


@frozen
class Stretch:
    """What one segment of a take shows.

    ``count``, ``colour``, ``shape``: in most pictures. ``mean``: red, green and blue of the
    things, 0 to 1, None where there is none. ``sharpness``: the mean step between neighbouring
    pixels. ``loudness``: in dB of full scale.
    """

    count: int
    colour: str
    shape: str
    mean: tuple[float, ...] | None
    sharpness: float
    loudness: float


def stretches(results: Iterable[lt.GenerationResult]) -> list[Stretch]:
    """Of a take's segments."""
    return [_stretch(each) for each in results]


def drift_of(told: Told, take: Sequence[Stretch]) -> dict[str, Any]:
    """How far the take got from where it began.

    ``kept``: whether each segment has as many things as the first, in most of its pictures.
    ``colour drift``: of the mean colour, as a share of its range; ``loudness drift``: in dB; both
    of the last segments against the first.
    """
    first, last = take[:_FIRST], take[-_LAST:]
    counts = [each.count for each in take]
    colours = [[each.mean for each in part if each.mean is not None] for part in (first, last)]
    colour = None
    if all(colours):
        means = [np.mean(each, axis=0) for each in colours]
        colour = round(float(np.abs(means[1] - means[0]).mean()), 4)
    loud = [float(np.median([each.loudness for each in part])) for part in (first, last)]
    sharp = [float(np.median([each.sharpness for each in part])) for part in (first, last)]
    return {
        "prompt": told.prompt,
        "segments": len(take),
        "kept": set(counts) == {counts[0]} and counts[0] > 0,
        "as told": round(float(np.mean([each == told.count for each in counts])), 3),
        "never empty": min(counts) > 0,
        "colour as told": round(float(np.mean([e.colour == told.colour for e in take])), 3),
        "shape as told": round(float(np.mean([e.shape == told.shape for e in take])), 3),
        "colour drift": colour,
        "loudness drift": round(loud[1] - loud[0], 2),
        "sharpness": round(sharp[1] / sharp[0], 3),
        "course": [asdict(each) for each in take],
    }


def _stretch(result: lt.GenerationResult) -> Stretch:
    pictures = (result.frames / 255).astype(np.float32)
    seen = measure(pictures)
    inside = [_mean_of(each) for each in pictures]
    known = [each for each in inside if each is not None]
    mean = tuple(round(float(each), 4) for each in np.mean(known, axis=0)) if known else None
    steps = np.abs(np.diff(pictures, axis=2)).mean() + np.abs(np.diff(pictures, axis=1)).mean()
    power = 0.0 if result.audio is None else float(np.square(result.audio).mean())
    loudness = 10 * np.log10(max(power, _SILENCE**2))
    return Stretch(
        seen.count, seen.colour, seen.shape, mean, round(float(steps), 5), round(loudness, 2)
    )


def _mean_of(picture: NDArray[np.float32]) -> NDArray[np.float32] | None:
    found = spots(picture)
    if not found:
        return None
    where = np.any([spot.where for spot in found], axis=0)
    mean: NDArray[np.float32] = picture[where].mean(0)
    return mean
