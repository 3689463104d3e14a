"""What a sound is made of, as a picture: time to the right, frequency upwards, loud is dark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOWEST_HZ", "highest_hz", "row_of", "spectrogram", "spectrogram_picture"]

LOWEST_HZ = 50.0
"""At the bottom of the picture."""

_HIGHEST_HZ = 16000.0

_WINDOW_SECONDS = 0.08
"""About so long is what one column looks at: notes of a quarter tone apart at 400 Hz are two."""

_RANGE_DB = 66.0
"""What is softer than the loudest by so much is background."""

_SHADES = ((238, 240, 243), (176, 199, 231), (84, 128, 199), (40, 62, 122), (22, 24, 48))
"""From the background to the loudest, evenly."""


def highest_hz(sample_rate: int) -> float:
    """The frequency at the top of the picture."""
    return max(2 * LOWEST_HZ, min(_HIGHEST_HZ, sample_rate / 2))


def row_of(hertz: float, height: int, sample_rate: int) -> float:
    """Where a frequency is among ``height`` rows from the top; an octave is as high everywhere."""
    octaves = np.log2(highest_hz(sample_rate) / LOWEST_HZ)
    return float((height - 1) * np.log2(highest_hz(sample_rate) / hertz) / octaves)


def spectrogram(
    sound: NDArray[np.float32], sample_rate: int, width: int, height: int
) -> NDArray[np.float64]:
    """Decibels beside the loudest, ``[height, width]``, from -66 to 0; all -66 for silence.

    ``sound`` is float32 ``[channels, samples]``, whose channels are heard together. Each column is
    the Fourier transform of what a Hann window around its moment lets through (J. O. Smith,
    *Spectral Audio Signal Processing*, chapter 7); each row the loudest bin within its frequencies.
    """
    size = 1 << max(6, round(np.log2(_WINDOW_SECONDS * sample_rate)))
    if not sound.size or width < 1:
        return np.full((height, max(0, width)), -_RANGE_DB)
    # Reflected at its ends, where a sound that stops at once would seem to have a click.
    mixed = np.pad(sound.mean(axis=0, dtype=np.float64), size // 2, mode="reflect")
    centres = ((np.arange(width) + 0.5) / width * sound.shape[1]).astype(int)
    window = np.hanning(size)
    power = np.empty((height, width))
    edges = _row_edges(height, sample_rate) * size / sample_rate
    for column, centre in enumerate(centres):
        heard = np.abs(np.fft.rfft(mixed[centre : centre + size] * window)) ** 2
        power[:, column] = _per_row(heard, edges)
    loudest = power.max()
    if loudest <= 0:
        return np.full((height, width), -_RANGE_DB)
    decibels: NDArray[np.float64] = 10 * np.log10(np.maximum(power / loudest, 1e-30))
    return np.maximum(decibels, -_RANGE_DB, out=decibels)


def spectrogram_picture(
    sound: NDArray[np.float32], sample_rate: int, width: int, height: int
) -> NDArray[np.uint8]:
    """`spectrogram` in colours, uint8 ``[height, width, 3]``."""
    share = 1 + spectrogram(sound, sample_rate, width, height) / _RANGE_DB
    stops = np.linspace(0, 1, len(_SHADES))
    channels = [np.interp(share, stops, [shade[one] for shade in _SHADES]) for one in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _row_edges(height: int, sample_rate: int) -> NDArray[np.float64]:
    """The frequencies between the rows from the top, ``[height + 1]``."""
    return np.geomspace(highest_hz(sample_rate), LOWEST_HZ, height + 1)


def _per_row(power: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The loudest of the bins of each row; between bins, where a row has none, what lies there."""
    centres = np.sqrt(edges[:-1] * edges[1:])
    rows: NDArray[np.float64] = np.interp(centres, np.arange(len(power)), power)
    first, last = np.ceil(edges[1:]).astype(int), np.floor(edges[:-1]).astype(int)
    for row in np.flatnonzero(last > first):
        rows[row] = power[first[row] : min(last[row] + 1, len(power))].max(initial=rows[row])
    return rows
