"""The pendulums keep the contract of families and of codecs, as any plugin's tests would ask."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import strategies as st

import longtake as lt
from longtake.testing import CodecContract
from longtake_pendulum import PendulumState, longtake_families
from longtake_pendulum.palettes import PALETTES
from longtake_pendulum.parameters import Parameters

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
)


@st.composite
def pendulum_states(draw: st.DrawFn) -> PendulumState:
    parameters = draw(PARAMETERS)
    frames = draw(st.integers(1, 10**9))

    def one_each(low: float, high: float) -> tuple[float, ...]:
        return tuple(draw(st.floats(low, high)) for _ in range(parameters.num_pendulums))

    return PendulumState(
        segment_index=draw(st.integers(0, 10**9)),
        seed=draw(st.integers(0, 2**64 - 1)),
        height=draw(st.integers(1, 4096)),
        width=draw(st.integers(1, 4096)),
        fps=draw(st.sampled_from([Fraction(24), Fraction(30000, 1001), Fraction(240)])),
        frames=frames,
        overlap_frames=draw(st.integers(0, frames)),
        parameters=parameters,
        angles=one_each(-1, 1),
        velocities=one_each(-100, 100),
        phases=one_each(0, 1),
        palette=draw(st.sampled_from(sorted(PALETTES))),
    )


class TestPendulumCodec(CodecContract):
    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return longtake_families()[0].codecs[0]

    @pytest.fixture
    def typed_states(self) -> st.SearchStrategy[PendulumState]:
        return pendulum_states()
