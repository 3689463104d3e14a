"""Every seam of a take, measured against the truth: position, velocity, phase; sound and frames."""

from __future__ import annotations

import random
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from attrs import asdict, evolve
from numpy.typing import NDArray

from longtake_pendulum.parameters import Parameters
from longtake_pendulum.physics import initial_swing, modes
from longtake_pendulum.sound import SAMPLE_RATE, frequencies, largest_slope
from longtake_pendulum.truth import seam_errors, true_phases
from tests.contrib.pendulum_takes import Rolled, roll

NUM_SEGMENTS = 300
TOLERANCE = 1e-6
FRAME_RATES = [Fraction(24), Fraction(30000, 1001), Fraction(60)]
LENGTHS = [12, *(1 + index * 7 % 5 for index in range(NUM_SEGMENTS - 1))]
"""New frames of each segment: 12 in the first, then from 1 to 5."""

SMALL = {"height": 16, "width": 16, "seed": 11}


@pytest.fixture(scope="module", params=FRAME_RATES, ids=str)
def take(request: pytest.FixtureRequest) -> Rolled:
    return roll(LENGTHS, fps=request.param, video=False, **SMALL)


def largest_jump(sound: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(sound)).max())


def test_every_one_of_300_seams_is_where_the_truth_is(take: Rolled, record_property: Any) -> None:
    errors = [asdict(seam_errors(state)) for state in take.states]
    assert len(errors) == NUM_SEGMENTS
    for name in ("position", "velocity", "phase", "level"):
        worst = max(each[name] for each in errors)
        record_property(f"worst pendulum {name} error", float(worst))
        assert worst < TOLERANCE


def test_errors_are_seen_for_what_they_are(take: Rolled) -> None:
    """Guards the test above: a state that is off by 2e-6 is said to be."""
    state = take.states[-1]
    fields = {"position": "angles", "velocity": "velocities", "phase": "phases", "level": "heard"}
    for name, field in fields.items():
        values = asdict(state)[field]
        changed: dict[str, Any] = {field: (values[0] + 2e-6, *values[1:])}
        off = evolve(state, **changed)
        assert asdict(seam_errors(off))[name] == pytest.approx(2e-6, rel=1e-3)


def test_sound_is_as_long_as_the_frames_on_one_grid(take: Rolled) -> None:
    span = take.states[-1].span
    assert span.end_frame == sum(LENGTHS)
    assert take.sound.shape == (2, floor(sum(LENGTHS) * SAMPLE_RATE / span.fps))


def test_sound_has_no_click(take: Rolled, record_property: Any) -> None:
    slope = largest_slope(take.states[-1].parameters)
    largest = largest_jump(take.sound)
    record_property("worst pendulum jump beside the slope of the tones", float(largest / slope))
    assert 0.2 * slope < largest <= slope


def test_300_segments_sound_like_one(take: Rolled, record_property: Any) -> None:
    span = take.states[-1].span
    long = roll([span.end_frame], fps=span.fps, video=False, **SMALL)
    difference = float(np.abs(long.sound - take.sound).max())
    record_property("worst pendulum difference of joined sound", difference)
    assert difference < TOLERANCE


def test_a_lost_sample_would_be_a_click(take: Rolled) -> None:
    """Guards the tests above: a phase that does not go on shows in the sound."""
    slope = largest_slope(take.states[-1].parameters)
    loudest = int(np.abs(take.sound).max(axis=0).argmax())
    spoilt = np.concatenate([take.sound[:, :loudest], -take.sound[:, loudest:]], axis=1)
    assert largest_jump(spoilt) > slope


def test_joined_frames_are_those_of_one_segment(record_property: Any) -> None:
    size = {"height": 72, "width": 128, "fps": 25, "seed": 4}
    joined, long = roll([9, 1, 7, 2, 12], **size), roll([31], **size)
    difference = np.abs(joined.frames.astype(int) - long.frames)
    # Angles agree to 1e-14, so a pixel that lies on the edge of rounding may go either way.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-4


@pytest.mark.parametrize(
    "asked",
    [
        {"num_pendulums": 1},
        {"num_pendulums": 9, "coupling": 0.5, "glide": 12.0, "pitch": 440.0},
        {"damping": 0.2, "amplitude": 0.5, "gravity": 30.0, "length": 0.2},
        {"glide": 0.0, "volume": 0.0},
    ],
)
def test_phases_are_the_integral_of_the_frequency(asked: dict[str, Any]) -> None:
    """Beside a plain sum: the midpoint rule with very many steps, for two seconds."""
    parameters = Parameters(**asked)
    start = initial_swing(parameters, random.Random("6:swing"))
    count = 400_000
    times = (np.arange(count) + 0.5) * 2 / count
    tones = frequencies(parameters, modes(parameters).angles_after(start, times))
    turns = tones.sum(axis=0) * 2 / count - true_phases(parameters, 6, Fraction(2))
    assert np.abs(turns - np.round(turns)).max() < TOLERANCE
