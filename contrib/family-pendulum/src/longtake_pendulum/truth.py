"""How the pendulums of a take truly move and sound at any time, and how far a state is off.

Told from nothing but the seed and the parameters, in one step from the beginning, so that it knows
nothing of segments. The phases come from another rule than the family's own: Gauss and Legendre's
with 12 nodes in each twentieth of a second, which is exact for polynomials up to degree 23.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from attrs import frozen

import longtake as lt
from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import Array, Swing, initial_swing, modes
from longtake_pendulum.sound import frequencies
from longtake_pendulum.state import PendulumState

__all__ = ["SeamErrors", "seam_errors", "true_phases", "true_swing"]

_NODES = 12
_PANEL_SECONDS = Fraction(1, 20)


@frozen
class SeamErrors:
    """The largest ones: of ``position`` in rad, ``velocity`` in rad/s, ``phase`` in turns."""

    position: float
    velocity: float
    phase: float


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


def seam_errors(state: PendulumState) -> SeamErrors:
    """How far ``state`` is from the truth at the moment of the next frame."""
    span = state.span
    seconds = span.end_frame / span.fps
    swing = true_swing(state.parameters, span.seed, seconds)
    turns = true_phases(state.parameters, span.seed, seconds) - np.array(state.phases)
    return SeamErrors(
        position=float(np.abs(swing.angles - state.angles).max()),
        velocity=float(np.abs(swing.velocities - state.velocities).max()),
        phase=float(np.abs(turns - np.round(turns)).max()),
    )


def _beginning(parameters: Parameters, seed: int) -> Swing:
    return initial_swing(parameters, lt.Run(seed=seed).random("swing"))
