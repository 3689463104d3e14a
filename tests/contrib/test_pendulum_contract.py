"""The pendulums keep the contract of families, and its codec's on any state that can be."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import strategies as st

import longtake as lt
from longtake.testing import CodecContract, FamilyContract
from longtake_pendulum import longtake_families
from longtake_pendulum.palettes import PALETTES
from longtake_pendulum.parameters import Parameters
from longtake_pendulum.state import PendulumState
from longtake_pendulum.strikes import held_frames

PARAMETERS = st.builds(
    Parameters,
    num_pendulums=st.integers(1, 9),
    gravity=st.floats(1, 30),
    length=st.floats(0.2, 4),
    coupling=st.floats(0, 1),
    damping=st.floats(0, 0.4),
    amplitude=st.floats(0.01, 0.5),
    pitch=st.floats(55, 440),
    glide=st.floats(0, 12),
    volume=st.floats(0, 1),
    phrase=st.just(0.0) | st.floats(0.1, 60),
    decay=st.floats(0.2, 20),
)


@st.composite
def spans(draw: st.DrawFn) -> lt.TakeSpan:
    end = draw(st.integers(1, 10**9))
    return lt.TakeSpan(
        segment_index=draw(st.integers(0, 10**9)),
        first_frame=draw(st.integers(0, end - 1)),
        end_frame=end,
        overlap_frames=draw(st.integers(0, end)),
        seed=draw(st.integers(0, 2**64 - 1)),
        height=draw(st.integers(1, 4096)),
        width=draw(st.integers(1, 4096)),
        fps=draw(st.sampled_from([Fraction(24), Fraction(30000, 1001), Fraction(240)])),
    )


@st.composite
def pendulum_states(
    draw: st.DrawFn, parameters_of: st.SearchStrategy[Parameters] = PARAMETERS
) -> PendulumState:
    parameters, span = draw(parameters_of), draw(spans())

    def one_each(low: float, high: float) -> tuple[float, ...]:
        return tuple(draw(st.floats(low, high)) for _ in range(parameters.num_pendulums))

    levels = (0, 1) if parameters.phrase else (0, 0)
    return PendulumState(
        span=span,
        parameters=parameters,
        angles=one_each(-1, 1),
        velocities=one_each(-100, 100),
        phases=one_each(0, 1),
        held_frames=held_frames(parameters, span.end_frame, span.fps),
        struck=one_each(*levels),
        heard=one_each(*levels),
        palette=draw(st.sampled_from(sorted(PALETTES))),
    )


class TestPendulum(FamilyContract):
    MANY = 100_000

    @pytest.fixture
    def plugin(self) -> str:
        return "longtake_pendulum"

    @pytest.fixture
    def sampling(self) -> dict[str, Any]:
        return {"height": 36, "width": 64, "num_frames": 15}


class TestPendulumCodec(CodecContract):
    """On states that no take of a test has been through."""

    MANY = 100_000

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return longtake_families()[0].codecs[0]

    @pytest.fixture
    def typed_states(self) -> st.SearchStrategy[PendulumState]:
        return pendulum_states()


DRONES = PARAMETERS.map(lambda parameters: evolve(parameters, phrase=0.0, decay=1.8))


class TestDroneCodec(CodecContract):
    """The kind before strikes writes the takes that have none, and reads all that it ever wrote."""

    MANY = 100_000

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return longtake_families()[0].codecs[1]

    @pytest.fixture
    def typed_states(self) -> st.SearchStrategy[PendulumState]:
        return pendulum_states(DRONES)
