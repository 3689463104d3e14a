"""When the pendulums are struck, and how loud their tones are from one strike to the next.

A pendulum is struck each time that its bob comes by its lowest point from the left: the harder the
faster it is, and the harder the nearer the middle of a phrase. Between phrases nothing is struck,
so that the tones die away. A moment is found on a grid that belongs to the frames of the take, and
then to the last bit between two of its points, so that every worker finds the same strikes.

What a strike leaves decays by itself, and what is heard follows it within a few milliseconds. Both
go on from their values at any moment, and both are smooth in time: nothing clicks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from attrs import frozen

from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import Array, Modes, Swing, lengths

__all__ = [
    "ATTACK",
    "Ringing",
    "Strike",
    "crossings",
    "decay_times",
    "fade",
    "grid_steps",
    "heard",
    "held_frames",
    "silent",
    "strength",
    "strikes_between",
    "struck_after",
]

ATTACK = 0.003
"""s, within which what is heard follows what a strike leaves."""

_SOUNDING = 0.75
"""The share of a phrase in which there are strikes."""

_DECAY = math.log(1000)
"""A level that is 60 dB softer is a thousandth: so many time constants later."""

_GRID = 0.25
"""rad of the fastest mode between two moments at which a bob is looked for."""

_ENDING = Fraction(1, 2)
"""s at the end of a take in which nothing is struck and the tones fade."""


@frozen(eq=False)
class Ringing:
    """Of each tone, both ``[n]`` within 0 to 1.

    - ``struck``: what the strikes left, which decays.
    - ``heard``: what follows it.
    """

    struck: Array
    heard: Array


@frozen
class Strike:
    """``added``: to what is struck of the tone of ``pendulum``, ``seconds`` after some moment."""

    pendulum: int
    seconds: float
    added: float


def silent(parameters: Parameters) -> Ringing:
    """Before the first strike."""
    return Ringing(np.zeros(parameters.num_pendulums), np.zeros(parameters.num_pendulums))


def held_frames(parameters: Parameters, end_frame: int, fps: Fraction) -> int:
    """How many of the frames of a take of ``end_frame`` frames have no sound yet.

    The end of a take is another sound than that of a take that goes on; so a segment hands out its
    sound up to where the end would begin: half a second before, or a quarter of a short take.
    Tones that are never struck do not end, and nothing is held back.
    """
    return min(int(_ENDING * fps), end_frame // 4) if parameters.phrase else 0


def decay_times(parameters: Parameters, pitches: Array) -> Array:
    """Time constants in s ``[n]``: the lowest tone's, and shorter ones the higher the tone is."""
    times: Array = parameters.decay / _DECAY * np.sqrt(pitches[0] / pitches)
    return times


def heard(ringing: Ringing, times: Array, strikes: Sequence[Strike], seconds: Array) -> Array:
    """The levels ``[T, n]`` at ``seconds`` ``[T]``, within 0 to 1.

    With x' = -x / d, to which a strike adds, and y' = (x - y) / a, where d are the decay ``times``
    and a is `ATTACK`: y = (y0 - c x0) exp(-t / a) + c x0 exp(-t / d) with c = d / (d - a).
    """
    share = times / (times - ATTACK)
    fast, slow = np.exp(-seconds / ATTACK)[:, None], np.exp(-seconds[:, None] / times)
    level: Array = (ringing.heard - share * ringing.struck) * fast + share * ringing.struck * slow
    for strike in strikes:
        since, one = np.maximum(seconds - strike.seconds, 0), strike.pendulum
        rise = np.exp(-since / times[one]) - np.exp(-since / ATTACK)
        level[:, one] += strike.added * share[one] * rise
    # The first sample of a frame may be a little before it, and a strike just as little.
    np.clip(level, 0, 1, out=level)
    return level


def struck_after(
    ringing: Ringing, times: Array, strikes: Sequence[Strike], seconds: float
) -> Array:
    """What the strikes left ``[n]``, ``seconds`` after ``ringing``, with ``strikes`` in between."""
    struck: Array = ringing.struck * np.exp(-seconds / times)
    for strike in strikes:
        rest = math.exp((strike.seconds - seconds) / times[strike.pendulum])
        struck[strike.pendulum] += strike.added * rest
    np.minimum(struck, 1, out=struck)
    return struck


def strikes_between(
    parameters: Parameters,
    own: Modes,
    swing: Swing,
    ringing: Ringing,
    times: Array,
    begin: Fraction,
    end: Fraction,
) -> list[Strike]:
    """The strikes from one frame to the next, in turn.

    ``swing``: ``[2, n]``, at both; ``begin`` and ``end``: where they are in the take, in s.
    """
    found, start = [], swing.at(0)
    struck = [(float(level), 0.0) for level in ringing.struck]
    for one, seconds in crossings(own, swing, float(end - begin)):
        speed = float(own.after(start, np.array([seconds])).velocities[0, one])
        before, since = struck[one]
        left = before * math.exp((since - seconds) / times[one])
        # What still rings leaves the less to add, so that no level is ever more than 1.
        added = (1 - left) * strength(parameters, one, speed, begin, seconds)
        struck[one] = (left + added, seconds)
        found.append(Strike(one, seconds, added))
    return found


def crossings(own: Modes, swing: Swing, seconds: float) -> list[tuple[int, float]]:
    """Which bobs come by their lowest points from the left, and when, in turn.

    ``swing``: ``[2, n]``, at two moments that are ``seconds`` apart.
    """
    grid, start = np.linspace(0, seconds, grid_steps(own, seconds) + 1), swing.at(0)
    angles = own.angles_after(start, grid)
    # The moments themselves are also those of the frames before and after: told apart by nothing.
    angles[0], angles[-1] = swing.angles[0], swing.angles[1]
    below = angles < 0
    found = np.argwhere(below[:-1] & ~below[1:]).tolist()
    passing = [(one, _zero(own, start, one, grid[k], grid[k + 1])) for k, one in found]
    return sorted(passing, key=lambda passed: (passed[1], passed[0]))


def grid_steps(own: Modes, seconds: float) -> int:
    """At how many moments of a frame of ``seconds`` it is seen where the bobs are."""
    return max(1, math.ceil(float(own.frequencies.max()) * seconds / _GRID))


def _zero(own: Modes, start: Swing, one: int, low: float, high: float) -> float:
    """Where the angle of a pendulum is 0 between two moments, by bisection."""
    while low < (middle := (low + high) / 2) < high:
        if own.angles_after(start, np.array([middle]))[0, one] < 0:
            low = middle
        else:
            high = middle
    return float(high)


def strength(
    parameters: Parameters, one: int, speed: float, begin: Fraction, seconds: float
) -> float:
    """Of a strike at ``speed`` rad/s, ``seconds`` after ``begin``, within 0 to 1.

    The speed counts beside that of a lone pendulum that swings as wide as any may, by its root: a
    strike of a quarter of the speed is half as strong. A phrase swells and falls with half a sine.
    """
    widest = parameters.amplitude * math.sqrt(parameters.gravity / lengths(parameters)[one])
    length = Fraction(parameters.phrase)
    share = (float(begin % length) + seconds) / parameters.phrase % 1
    swell = max(0.0, math.sin(math.pi * min(1, share / _SOUNDING)))
    return swell * math.sqrt(min(1.0, max(0.0, speed / widest)))


def fade(count: int) -> Array:
    """What the last ``count`` samples of a take are multiplied with: from 1 to 0, smoothly."""
    return np.cos(np.pi / 2 * np.arange(1, count + 1) / max(1, count)) ** 2
