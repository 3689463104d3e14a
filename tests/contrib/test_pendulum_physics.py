"""The pendulums move as their equations say: beside a step-by-step integration, and by energy."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import (
    Modes,
    Swing,
    initial_swing,
    largest_angles,
    lengths,
    modes,
)

Array = NDArray[np.float64]

TAKES = [
    Parameters(),
    Parameters(num_pendulums=1),
    Parameters(num_pendulums=9, coupling=1.0, gravity=30, length=0.2),
    Parameters(num_pendulums=3, coupling=0.0, gravity=1, length=4.0, damping=0.4),
    Parameters(num_pendulums=2, damping=0.1),
]


def started(parameters: Parameters, seed: int = 3) -> tuple[Modes, Swing]:
    return modes(parameters), initial_swing(parameters, random.Random(seed))


def acceleration(parameters: Parameters) -> Callable[[Array, Array], Array]:
    """Newton's law for each bob by itself: gravity, the springs to its neighbours, the damping."""
    rods = lengths(parameters)
    spring = parameters.coupling * parameters.gravity * parameters.length

    def accelerate(angles: Array, velocities: Array) -> Array:
        stretched = np.diff(angles)
        pull = np.append(stretched, 0) - np.append(0, stretched)
        torque = spring * pull - parameters.gravity * rods * angles
        damped: Array = torque / rods**2 - 2 * parameters.damping * velocities
        return damped

    return accelerate


def integrated(parameters: Parameters, start: Swing, seconds: float, steps: int) -> Swing:
    """By the classical Runge-Kutta method."""
    accelerate, step = acceleration(parameters), seconds / steps
    x, v = start.angles.copy(), start.velocities.copy()
    for _ in range(steps):
        a1 = accelerate(x, v)
        v2 = v + step / 2 * a1
        a2 = accelerate(x + step / 2 * v, v2)
        v3 = v + step / 2 * a2
        a3 = accelerate(x + step / 2 * v2, v3)
        v4 = v + step * a3
        a4 = accelerate(x + step * v3, v4)
        x = x + step / 6 * (v + 2 * v2 + 2 * v3 + v4)
        v = v + step / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
    return Swing(x, v)


def energy(parameters: Parameters, swing: Swing) -> Array:
    rods, springs = lengths(parameters), parameters.coupling * parameters.gravity
    moving = (rods * swing.velocities) ** 2
    lifted = parameters.gravity * rods * swing.angles**2
    stretched = springs * parameters.length * np.diff(swing.angles, axis=-1) ** 2
    total: Array = (moving.sum(-1) + lifted.sum(-1) + stretched.sum(-1)) / 2
    return total


@pytest.mark.parametrize("parameters", TAKES)
def test_motion_is_that_of_an_integration_step_by_step(parameters: Parameters) -> None:
    own, start = started(parameters)
    seconds = 3.0
    steps = int(150 * own.frequencies.max() * seconds)
    wanted = integrated(parameters, start, seconds, steps)
    got = own.after(start, np.array([seconds]))
    assert got.angles[0] == pytest.approx(wanted.angles, abs=1e-9)
    assert got.velocities[0] == pytest.approx(wanted.velocities, abs=1e-8)


@pytest.mark.parametrize("parameters", TAKES)
def test_many_short_ways_lead_where_one_long_way_does(parameters: Parameters) -> None:
    own, start = started(parameters)
    here = start
    for _ in range(1000):
        there = own.after(here, np.array([0.37]))
        here = Swing(there.angles[0], there.velocities[0])
    wanted = own.after(start, np.array([370.0]))
    assert here.angles == pytest.approx(wanted.angles[0], abs=1e-11)
    assert here.velocities == pytest.approx(wanted.velocities[0], abs=1e-10)


def test_time_can_be_run_backwards() -> None:
    own, start = started(Parameters(damping=0.1))
    later = own.after(start, np.array([2.5]))
    back = own.after(Swing(later.angles[0], later.velocities[0]), np.array([-2.5]))
    assert back.angles[0] == pytest.approx(start.angles, abs=1e-12)


@pytest.mark.parametrize("parameters", TAKES)
def test_energy_is_kept_without_damping_and_lost_with_it(parameters: Parameters) -> None:
    own, start = started(parameters)
    energies = energy(parameters, own.after(start, np.linspace(0, 100, 2001)))
    if parameters.damping:
        assert (np.diff(energies) <= 1e-12 * energies[0]).all()
        assert energies[-1] < 1e-6 * energies[0]
    else:
        assert energies == pytest.approx(energies[0], rel=1e-12)


def test_energy_passes_through_the_springs() -> None:
    parameters = Parameters(num_pendulums=2)
    own = modes(parameters)
    swing = own.after(Swing(np.array([0.2, 0.0]), np.zeros(2)), np.linspace(0, 60, 3001))
    assert np.abs(swing.angles[:, 1]).max() > 0.05
    apart = modes(Parameters(num_pendulums=2, coupling=0.0))
    alone = apart.after(Swing(np.array([0.2, 0.0]), np.zeros(2)), np.linspace(0, 60, 3001))
    assert np.abs(alone.angles[:, 1]).max() < 1e-12


@pytest.mark.parametrize("parameters", TAKES)
@pytest.mark.parametrize("seed", range(5))
def test_nothing_swings_beyond_the_amplitude(parameters: Parameters, seed: int) -> None:
    own, start = started(parameters, seed)
    assert largest_angles(own, start).max() == pytest.approx(parameters.amplitude)
    swing = own.after(start, np.linspace(0, 300, 9001))
    assert np.abs(swing.angles).max() <= parameters.amplitude * (1 + 1e-12)


def test_the_quick_way_to_the_angles_is_the_same_way() -> None:
    own, start = started(Parameters(damping=0.05))
    seconds = np.linspace(-1, 20, 500)
    both = own.after(start, seconds)
    assert own.angles_after(start, seconds) == pytest.approx(both.angles, abs=1e-13)


def test_velocity_is_the_slope_of_the_angle() -> None:
    own, start = started(Parameters(damping=0.05))
    seconds = np.linspace(0, 5, 50)
    slope = own.angles_after(start, seconds + 1e-5) - own.angles_after(start, seconds - 1e-5)
    assert own.after(start, seconds).velocities == pytest.approx(slope / 2e-5, abs=1e-8)


def test_another_seed_is_another_swing() -> None:
    _, one = started(Parameters(), 1)
    _, other = started(Parameters(), 2)
    assert np.abs(one.angles - other.angles).max() > 0.01
