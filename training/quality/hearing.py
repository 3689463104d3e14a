"""What is heard of a scene, told from the sound alone, and whether it belongs to the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from training.learned_tiny.pictures import FPS
from training.learned_tiny.scenes import RADIUS, SIZE
from training.learned_tiny.sounds import TONE_STEPS, TONES
from training.quality.measuring import spots

__all__ = ["belongs", "bends", "heights", "pitches"]

Floats: TypeAlias = NDArray[np.float64]

_WINDOW = 0.05
"""Seconds that are listened to at once."""
_APART = 0.06
"""Seconds between two windows, which do not touch."""
_POINTS = 8192
_RANGE = (250.0, 950.0)
"""Hz, of the tone of the first thing."""
_SILENT = 0.01
"""Root mean square below which nothing is heard."""


def pitches(sound: NDArray[np.float32], rate: int, seconds: Floats) -> Floats:
    """Hz of the first thing's tone around each time, NaN where there is none; ``sound``: mono."""
    length = round(_WINDOW * rate)
    window = np.hanning(length)
    frequencies = np.fft.rfftfreq(_POINTS, 1 / rate)
    low, high = np.searchsorted(frequencies, _RANGE)
    found = np.full(len(seconds), np.nan)
    for number, second in enumerate(seconds):
        first = round(second * rate) - length // 2
        heard = sound[max(first, 0) : first + length]
        if len(heard) < length or np.sqrt(np.square(heard).mean()) < _SILENT:
            continue
        power = np.abs(np.fft.rfft(heard * window, _POINTS))
        found[number] = frequencies[low + int(power[low:high].argmax())]
    return found


def bends(sound: NDArray[np.float32], rate: int, seams: Sequence[float]) -> tuple[Floats, Floats]:
    """Semitones from just before to just after: inside segments every 60 ms, and at seams."""
    length = len(sound) / rate
    inside = np.arange(_APART, length - _APART, _APART)
    apart = np.abs(inside[:, None] - np.asarray(seams)[None]).min(axis=1, initial=length)
    return (
        _bend(sound, rate, inside[apart > 2 * _APART]),
        _bend(sound, rate, np.asarray(seams, float)),
    )


def heights(pictures: NDArray[np.float32]) -> Floats:
    """Of the thing in each picture ``[T, H, W, 3]``: 0 below to 1 above, NaN for none or two."""
    found = np.full(len(pictures), np.nan)
    for number, picture in enumerate(pictures):
        seen = spots(picture)
        if len(seen) == 1:
            found[number] = 1 - (seen[0].middle[1] - RADIUS) / (SIZE - 2 * RADIUS)
    return found


def belongs(where: Floats, sound: NDArray[np.float32], rate: int) -> Floats:
    """Semitones between what is heard and what one who is ``where`` (`heights`) sounds like.

    Of pictures that have one thing and a tone; 0 is right, and a step of the tone is 2 to 5.
    """
    seconds = (np.arange(len(where)) + 0.5) / FPS
    lowest, step = TONES[0]
    with np.errstate(invalid="ignore"):
        true = lowest + step * np.round(TONE_STEPS * where.clip(0, 1))
        off: Floats = np.abs(12 * np.log2(pitches(sound, rate, seconds) / true))
    known: Floats = off[np.isfinite(off)]
    return known


def _bend(sound: NDArray[np.float32], rate: int, seconds: Floats) -> Floats:
    before = pitches(sound, rate, seconds - _APART / 2)
    after = pitches(sound, rate, seconds + _APART / 2)
    with np.errstate(invalid="ignore"):
        bend: Floats = np.abs(12 * np.log2(after / before))
    known: Floats = bend[np.isfinite(bend)]
    return known
