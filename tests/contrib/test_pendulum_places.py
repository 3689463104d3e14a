"""Results say where in their take they belong, and together they cover it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import longtake as lt
from tests.contrib.pendulum_takes import load

FPS = ("24", "24000/1001", "25", "30000/1001", "60", "7/3")


@pytest.fixture(scope="module")
def pipeline() -> lt.Pipeline:
    return load()


@given(
    lengths=st.lists(st.integers(4, 9), min_size=1, max_size=4),
    overlap=st.integers(0, 3),
    fps=st.sampled_from(FPS),
    through_json=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_results_cover_the_take_without_gap_or_overlap(
    pipeline: lt.Pipeline, lengths: list[int], overlap: int, fps: str, through_json: bool
) -> None:
    state: lt.ContinuationState | None = None
    frame = sample = 0
    for index, length in enumerate(lengths):
        sampling = lt.Sampling(height=16, width=24, num_frames=length, fps=fps)
        output = lt.Output(last=False, return_state=True, overlap_frames=overlap)
        request = lt.GenerationRequest("sea", sampling=sampling, output=output, state=state)
        result = pipeline.generate(request)
        assert (result.segment_index, result.first_frame, result.first_sample) == (
            index,
            frame,
            sample,
        )
        assert result.audio is not None
        frame, sample = frame + len(result.frames), sample + result.audio.shape[1]
        state = result.state
        assert state is not None
        if through_json:
            state = lt.ContinuationState.from_json(state.to_json())
    assert state is not None
    end = pipeline.finish(state)
    assert (end.segment_index, end.first_frame, end.first_sample) == (
        len(lengths) - 1,
        frame,
        sample,
    )
    assert end.audio is not None
    assert sample + end.audio.shape[1] == frame * 48000 // Fraction(fps)
