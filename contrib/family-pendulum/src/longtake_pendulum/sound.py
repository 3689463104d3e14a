"""A tone for each pendulum: its pitch follows the height, its loudness its strikes.

The phase of a tone is the integral of its frequency over time, and the frequency follows from the
exact angle. Simpson's rule, from each sample to the next, takes that integral: the rule's error is
h^5 / 2880 times a fourth derivative, below 1e-19 turns a sample, so what is left is rounding.
Phases are kept modulo one turn, where they lose no precision however long the take is.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import Array, Modes, Swing, modes
from longtake_pendulum.strikes import ATTACK, Ringing

__all__ = [
    "SAMPLE_RATE",
    "Tones",
    "fading_slope",
    "frequencies",
    "largest_slope",
    "loudness",
    "pans",
    "phases_until",
    "pitches",
    "rendered",
    "samples_before",
]

SAMPLE_RATE = 48000
"""Hz. Part of what ``pendulum.v1`` and ``pendulum.v2`` mean."""

_SCALE = (1, 5 / 4, 5 / 3, 9 / 4, 3, 4, 5, 20 / 3, 9)
"""Every other note of the pentatonic scale, as ratios to the lowest: open and never harsh."""

_REED = (1.0, 0.22, 0.08)
"""Levels of the first partials, together with which a sine becomes a soft reed, never struck."""

_BELL = (1.0, 0.0, 0.3, 0.0, 0.15)
"""Of a struck tone at its loudest; partial k falls k times as fast as the first, so a tone is
bright when it is struck and round when it dies away."""

_QUIETEST = 0.35
"""Loudness of a tone at the largest angle, beside 1 where the pendulum hangs."""

_WIDTH = 0.8
"""Of the stereo picture: 1 would put the outermost pendulums on one side alone."""


@frozen(eq=False)
class Tones:
    """How the tones are at the moment at which the next segment's sound begins.

    - ``phases``: in turns within [0, 1) ``[n]``.
    - ``ringing``: what the strikes left.
    """

    phases: Array
    ringing: Ringing


def samples_before(frame: int, fps: Fraction) -> int:
    """How many samples a take has before ``frame``, on the one grid of its frames and samples."""
    return int(frame * SAMPLE_RATE // fps)


def pitches(parameters: Parameters) -> Array:
    """The tones of hanging pendulums, in Hz ``[n]``: the longest is the lowest."""
    return parameters.pitch * np.array(_SCALE[: parameters.num_pendulums])


def frequencies(parameters: Parameters, angles: Array) -> Array:
    """The tones in Hz at ``angles`` ``[..., n]``: rising with the height of the bob."""
    octaves = parameters.glide / 12 * _heights(parameters, angles)
    tones: Array = pitches(parameters) * np.exp2(octaves)
    return tones


def loudness(parameters: Parameters, angles: Array) -> Array:
    """What each tone is multiplied with at ``angles`` ``[..., n]``, from `_QUIETEST` to 1."""
    return 1 - (1 - _QUIETEST) * _heights(parameters, angles)


def _heights(parameters: Parameters, angles: Array) -> Array:
    """Of the bobs above their lowest points, as shares of that at the largest angle."""
    heights: Array = (1 - np.cos(angles)) / (1 - np.cos(parameters.amplitude))
    return heights


def phases_until(
    parameters: Parameters, own: Modes, start: Swing, phases: Array, seconds: Array
) -> tuple[Array, Array]:
    """The phases ``[T, n]`` at ``seconds`` ``[T]`` after ``start``, in turns, and the angles.

    ``phases``: at ``start``. Between one moment and the next, Simpson's rule.
    """
    moments = np.concatenate([[0.0], seconds])
    between = (moments[:-1] + moments[1:]) / 2
    angles = own.angles_after(start, moments)
    ends = frequencies(parameters, angles)
    middles = frequencies(parameters, own.angles_after(start, between))
    turns = np.diff(moments)[:, None] / 6 * (ends[:-1] + 4 * middles + ends[1:])
    return phases + np.cumsum(turns, axis=0), angles[1:]


def rendered(
    parameters: Parameters, phases: Array, angles: Array, levels: Array
) -> NDArray[np.float32]:
    """The tones together, float32 ``[2, samples]``, never beyond ``parameters.volume``.

    ``phases`` in turns, ``angles`` in rad and ``levels`` from 0 to 1, ``[samples, n]``. Partials
    follow from the first one: sin (k + 1) x = 2 cos x sin k x - sin (k - 1) x.
    """
    turned = 2 * np.pi * (phases % 1)
    before, partial, twice = np.zeros_like(turned), np.sin(turned), 2 * np.cos(turned)
    tones, power = np.zeros_like(turned), np.ones_like(levels)
    for share in _overtones(parameters):
        power *= levels
        if share:
            tones += share * power * partial
        before, partial = partial, twice * partial - before
    tones *= loudness(parameters, angles)
    stereo = (_gain(parameters) * pans(parameters)) @ tones.T
    return stereo.astype(np.float32)


def _overtones(parameters: Parameters) -> tuple[float, ...]:
    return _BELL if parameters.phrase else _REED


def pans(parameters: Parameters) -> Array:
    """How loud each pendulum is left and right, ``[2, n]``, by its place; of equal power."""
    count = parameters.num_pendulums
    places = (np.arange(count) + 0.5) / count
    turn = np.pi / 2 * (0.5 + _WIDTH * (places - 0.5))
    return np.stack([np.cos(turn), np.sin(turn)])


def _gain(parameters: Parameters) -> float:
    """What keeps the sum of all partials of all tones within the volume on either side."""
    loudest: float = pans(parameters).sum(axis=1).max() * sum(_overtones(parameters))
    return parameters.volume / loudest


def largest_slope(parameters: Parameters) -> float:
    """What the sound cannot change by more from one sample to the next: the tones' own slope.

    Partial k of a tone at its highest frequency f changes by 2 pi f k / rate at most, times its
    loudness, which itself changes a little, and by the k-th power of its level, which rises within
    `ATTACK` where it is struck. A larger jump would be a click.
    """
    overtones = _overtones(parameters)
    highest = pitches(parameters) * 2 ** (parameters.glide / 12)
    partials = sum(number * level for number, level in enumerate(overtones, 1))
    tone = 2 * np.pi * highest * partials / SAMPLE_RATE
    # A height h = (1 - cos x) / (1 - cos a) changes by sin x x' / (1 - cos a), which is at most 2 w
    # where |x| <= a and |x'| <= a w; w is the fastest mode's frequency without its damping.
    own = modes(parameters)
    fastest = np.hypot(own.frequencies.max(), own.damping)
    swell = 2 * (1 - _QUIETEST) * fastest / SAMPLE_RATE
    struck = partials / (ATTACK * SAMPLE_RATE) if parameters.phrase else 0.0
    each = tone + swell * sum(overtones) + struck
    return float((_gain(parameters) * pans(parameters) * each).sum(axis=1).max())


def fading_slope(parameters: Parameters, samples: int) -> float:
    """What fading out over ``samples`` adds to `largest_slope`: cos^2 falls by pi / 2 at most."""
    return float(parameters.volume * np.pi / 2 / samples)
