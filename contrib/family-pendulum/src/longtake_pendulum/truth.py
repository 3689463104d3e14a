"""How the pendulums of a take truly move and sound at any time, and how far a state is off.

Told from nothing but the seed and the parameters, in one step from the beginning, so that it knows
nothing of segments. The phases come from another rule than the family's own: Gauss and Legendre's
with 12 nodes in each twentieth of a second, which is exact for polynomials up to degree 23. The
levels come from a list of all strikes, each with what it still does.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from attrs import frozen

import longtake as lt
from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import Array, Swing, initial_swing, modes
from longtake_pendulum.sound import frequencies, pitches
from longtake_pendulum.state import PendulumState
from longtake_pendulum.strikes import ATTACK, decay_times, grid_steps, strength

__all__ = ["SeamErrors", "seam_errors", "true_levels", "true_phases", "true_swing"]

_NODES = 12
_PANEL_SECONDS = Fraction(1, 20)


@frozen
class SeamErrors:
    """The largest ones.

    ``position`` in rad, ``velocity`` in rad/s, ``phase`` in turns, ``level`` of what is struck and
    of what is heard, beside 1.
    """

    position: float
    velocity: float
    phase: float
    level: float


def true_swing(parameters: Parameters, seed: int, seconds: Fraction) -> Swing:
    """Where the pendulums are ``seconds`` after the beginning of a take, ``[n]``."""
    start = _beginning(parameters, seed)
    return modes(parameters).after(start, np.array([float(seconds)])).at(0)


def true_phases(parameters: Parameters, seed: int, seconds: Fraction) -> Array:
    """The phases of the tones ``seconds`` after the beginning, in turns within [0, 1], ``[n]``."""
    own, start = modes(parameters), _beginning(parameters, seed)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    panels = math.ceil(seconds / _PANEL_SECONDS)
    if not panels:
        return np.zeros(parameters.num_pendulums)
    half = float(seconds / panels) / 2
    times = half * (2 * np.arange(panels)[:, None] + 1 + nodes)
    angles = own.angles_after(start, times.reshape(-1)).reshape(panels, _NODES, -1)
    turns = half * np.einsum("q,pqn->pn", weights, frequencies(parameters, angles))
    return np.array([math.fsum(tone) % 1 for tone in turns.T % 1])


def true_levels(parameters: Parameters, seed: int, frame: int, fps: Fraction) -> Array:
    """What is struck and what is heard of it at ``frame`` of the take, ``[2, n]``."""
    times = decay_times(parameters, pitches(parameters))
    struck, heard = np.zeros(len(times)), np.zeros(len(times))
    if not parameters.phrase:
        return np.stack([struck, heard])
    last = [(0.0, 0.0)] * len(times)
    end = float(frame / fps)
    for one, seconds, speed in _passings(parameters, seed, frame, fps):
        level, since = last[one]
        level *= math.exp((since - seconds) / times[one])
        added = (1 - level) * strength(parameters, one, speed, Fraction(0), seconds)
        last[one] = (level + added, seconds)
        slow, fast = (math.exp((seconds - end) / each) for each in (times[one], ATTACK))
        struck[one] += added * slow
        heard[one] += added * times[one] / (times[one] - ATTACK) * (slow - fast)
    return np.stack([struck, heard])


def _passings(
    parameters: Parameters, seed: int, frame: int, fps: Fraction
) -> list[tuple[int, float, float]]:
    """Which bob came by from the left, when, and at what speed, up to ``frame``; in turn."""
    own, start = modes(parameters), _beginning(parameters, seed)
    grid = np.arange(frame * (steps := grid_steps(own, float(1 / fps))) + 1) / float(fps * steps)
    below = own.angles_after(start, grid) < 0
    moments, pendulums = np.nonzero(below[:-1] & ~below[1:])
    low, high = grid[moments], grid[moments + 1]
    for _ in range(60):
        middle = (low + high) / 2
        left = own.angles_after(start, middle)[np.arange(len(middle)), pendulums] < 0
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    speeds = own.after(start, high).velocities[np.arange(len(high)), pendulums]
    return sorted(
        zip(pendulums.tolist(), high.tolist(), speeds.tolist(), strict=True),
        key=lambda passing: passing[1],
    )


def seam_errors(state: PendulumState) -> SeamErrors:
    """How far ``state`` is from the truth at its moment."""
    span, parameters = state.span, state.parameters
    frame = span.end_frame - state.held_frames
    seconds = frame / span.fps
    swing = true_swing(parameters, span.seed, seconds)
    turns = true_phases(parameters, span.seed, seconds) - np.array(state.phases)
    levels = true_levels(parameters, span.seed, frame, span.fps)
    return SeamErrors(
        position=float(np.abs(swing.angles - state.angles).max()),
        velocity=float(np.abs(swing.velocities - state.velocities).max()),
        phase=float(np.abs(turns - np.round(turns)).max()),
        level=float(np.abs(levels - [state.struck, state.heard]).max()),
    )


def _beginning(parameters: Parameters, seed: int) -> Swing:
    return initial_swing(parameters, lt.Run(seed=seed).random("swing"))
