"""Coupled pendulums at small angles: normal modes, and the motion that they make, exactly.

Equal bobs hang on rods of lengths l_i; springs join neighbouring rods at one height. With the
angles x_i, the mass matrix M = diag(l_i^2) and the stiffness K = diag(g l_i) + k S, where S is the
second difference of a chain with free ends, small swings obey M x'' = -K x - 2 d M x'. The columns
of M^-1/2 V, with V the eigenvectors of M^-1/2 K M^-1/2, are the normal modes (Goldstein, *Classical
Mechanics*, 3rd ed., chapter 6): each is a damped oscillator by itself, so the motion at any time
follows from that at any other time without a step in between.
"""

from __future__ import annotations

import math
import random
from typing import TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from longtake_pendulum.parameters import Parameters

__all__ = ["Array", "Modes", "Swing", "initial_swing", "largest_angles", "lengths", "modes"]

Array: TypeAlias = NDArray[np.float64]

_SWINGS_OF_LONGEST = 9
"""In the time in which each shorter pendulum swings once more than its longer neighbour."""


@frozen(eq=False)
class Swing:
    """Of pendulums: ``angles`` in rad from hanging, ``velocities`` in rad/s, both ``[..., n]``."""

    angles: Array
    velocities: Array

    def at(self, index: int) -> Swing:
        """Of a swing at several moments, that at one of them."""
        return Swing(self.angles[index], self.velocities[index])

    def between(self, first: int, end: int) -> Swing:
        """That at the moments from ``first`` to the one before ``end``."""
        return Swing(self.angles[first:end], self.velocities[first:end])


@frozen(eq=False)
class Modes:
    """The normal modes of some pendulums.

    - ``frequencies``: of the free, damped swing, in rad/s ``[n]``.
    - ``damping``: in 1/s, of all alike.
    - ``shapes``: ``[n, n]``, one mode a column; ``inverse``: of ``shapes``.
    """

    frequencies: Array
    damping: float
    shapes: Array
    inverse: Array

    def after(self, start: Swing, seconds: Array) -> Swing:
        """The motion ``[T, n]`` at ``seconds`` ``[T]`` after (or before) ``start`` ``[n]``.

        In each mode, q(t) = exp(-d t) (a cos wt + b sin wt) with a = q(0), b = (q'(0) + d a) / w.
        """
        cosines, sines = self._amplitudes(start)
        turned = np.multiply.outer(seconds, self.frequencies)
        cos, sin = np.cos(turned), np.sin(turned)
        shrunk = np.exp(-self.damping * seconds)[..., None]
        position = shrunk * (cosines * cos + sines * sin)
        velocity = shrunk * self.frequencies * (sines * cos - cosines * sin)
        velocity -= self.damping * position
        return Swing(position @ self.shapes.T, velocity @ self.shapes.T)

    def angles_after(self, start: Swing, seconds: Array) -> Array:
        """The angles of `after` alone, in half the time."""
        cosines, sines = self._amplitudes(start)
        turned = np.multiply.outer(seconds, self.frequencies)
        turned -= np.arctan2(sines, cosines)
        position = np.cos(turned, out=turned) * np.hypot(cosines, sines)
        if self.damping:
            position *= np.exp(-self.damping * seconds)[..., None]
        return position @ self.shapes.T

    def amplitudes(self, start: Swing) -> Array:
        """How far each mode swings, ``[n]``: what damping alone makes less."""
        return np.hypot(*self._amplitudes(start))

    def _amplitudes(self, start: Swing) -> tuple[Array, Array]:
        cosines = self.inverse @ start.angles
        velocity = self.inverse @ start.velocities
        return cosines, (velocity + self.damping * cosines) / self.frequencies


def lengths(parameters: Parameters) -> Array:
    """The rods' lengths in metres ``[n]``, longest first.

    As in a pendulum wave: without springs, each makes one swing more than the one before it in the
    same time, so that they fall out of step and come together again.
    """
    swings = _SWINGS_OF_LONGEST + np.arange(parameters.num_pendulums)
    return parameters.length * (_SWINGS_OF_LONGEST / swings) ** 2


def modes(parameters: Parameters) -> Modes:
    """The normal modes of the take's pendulums."""
    rods = lengths(parameters)
    springs = parameters.coupling * parameters.gravity * parameters.length
    stiffness = np.diag(parameters.gravity * rods) + springs * _second_difference(len(rods))
    squares, vectors = np.linalg.eigh(stiffness / np.outer(rods, rods))
    return Modes(
        frequencies=np.sqrt(squares - parameters.damping**2),
        damping=parameters.damping,
        shapes=vectors / rods[:, None],
        inverse=vectors.T * rods,
    )


def _second_difference(count: int) -> Array:
    chain = np.diff(np.eye(count), axis=0)
    return chain.T @ chain


def largest_angles(own: Modes, start: Swing) -> Array:
    """What no pendulum's angle will ever exceed, in rad ``[n]``: all modes at their widest."""
    return np.abs(own.shapes) @ own.amplitudes(start)


def initial_swing(parameters: Parameters, chance: random.Random) -> Swing:
    """How a take begins: a wave along the beam, whose place and pace are ``chance``'s.

    It is scaled so that the largest angle ever reached is at most ``parameters.amplitude``.
    """
    own = modes(parameters)
    place = 2 * math.pi * chance.random()
    pace = math.pi * (chance.random() - 0.5)
    wave = place + pace * np.arange(parameters.num_pendulums)
    speed = np.sqrt(parameters.gravity / lengths(parameters))
    unscaled = Swing(np.cos(wave), speed * np.sin(wave))
    scale = parameters.amplitude / largest_angles(own, unscaled).max()
    return Swing(scale * unscaled.angles, scale * unscaled.velocities)
