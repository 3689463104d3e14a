"""A tone for each pendulum: its pitch follows the height, its loudness the nearness to rest.

The phase of a tone is the integral of its frequency over time, and the frequency follows from the
exact angle. Simpson's rule, from each sample to the next, takes that integral: the rule's error is
h^5 / 2880 times a fourth derivative, below 1e-19 turns a sample, so what is left is rounding.
Phases are kept modulo one turn, where they lose no precision however long the take is.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import Array, Modes, Swing, modes

__all__ = [
    "SAMPLE_RATE",
    "Tones",
    "frequencies",
    "largest_slope",
    "loudness",
    "pans",
    "phases_until",
    "pitches",
    "rendered",
]

SAMPLE_RATE = 48000
"""Hz. Part of what ``pendulum.v1`` means."""

_SCALE = (1, 5 / 4, 5 / 3, 9 / 4, 3, 4, 5, 20 / 3, 9)
"""Every other note of the pentatonic scale, as ratios to the lowest: open and never harsh."""

_OVERTONES = (1.0, 0.22, 0.08)
"""Of the first partials, together with which a sine becomes a soft reed."""

_QUIETEST = 0.35
"""Loudness of a tone at the largest angle, beside 1 where the pendulum hangs."""

_WIDTH = 0.8
"""Of the stereo picture: 1 would put the outermost pendulums on one side alone."""


@frozen(eq=False)
class Tones:
    """``phases``: of the tones, in turns within [0, 1) ``[n]``, at the end of the segment."""

    phases: Array


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


def rendered(parameters: Parameters, phases: Array, angles: Array) -> NDArray[np.float32]:
    """The tones together, float32 ``[2, samples]``, never beyond ``parameters.volume``.

    ``phases`` in turns and ``angles`` in rad, ``[samples, n]``. Partials that are multiples of a
    sine follow from it and its cosine alone.
    """
    turned = 2 * np.pi * (phases % 1)
    sine, cosine = np.sin(turned), np.cos(turned)
    first, second, third = _OVERTONES
    tones = sine * (first - third + 2 * cosine * (second + 2 * third * cosine))
    tones *= loudness(parameters, angles)
    stereo = (_gain(parameters) * pans(parameters)) @ tones.T
    return stereo.astype(np.float32)


def pans(parameters: Parameters) -> Array:
    """How loud each pendulum is left and right, ``[2, n]``, by its place; of equal power."""
    count = parameters.num_pendulums
    places = (np.arange(count) + 0.5) / count
    turn = np.pi / 2 * (0.5 + _WIDTH * (places - 0.5))
    return np.stack([np.cos(turn), np.sin(turn)])


def _gain(parameters: Parameters) -> float:
    """What keeps the sum of all partials of all tones within the volume on either side."""
    loudest: float = pans(parameters).sum(axis=1).max() * sum(_OVERTONES)
    return parameters.volume / loudest


def largest_slope(parameters: Parameters) -> float:
    """What the sound cannot change by more from one sample to the next: the tones' own slope.

    Partial k of a tone at its highest frequency f changes by 2 pi f k / rate at most, times its
    loudness, which itself changes a little. A larger jump would be a click.
    """
    highest = pitches(parameters) * 2 ** (parameters.glide / 12)
    partials = sum(number * level for number, level in enumerate(_OVERTONES, 1))
    tone = 2 * np.pi * highest * partials / SAMPLE_RATE
    # A height h = (1 - cos x) / (1 - cos a) changes by sin x x' / (1 - cos a), which is at most 2 w
    # where |x| <= a and |x'| <= a w; w is the fastest mode's frequency without its damping.
    own = modes(parameters)
    fastest = np.hypot(own.frequencies.max(), own.damping)
    swell = 2 * (1 - _QUIETEST) * fastest / SAMPLE_RATE
    each = tone + swell * sum(_OVERTONES)
    return float((_gain(parameters) * pans(parameters) * each).sum(axis=1).max())
