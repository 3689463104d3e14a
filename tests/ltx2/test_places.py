"""Results of LTX-2 say where in their take they belong: the sound runs behind the picture."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

import pytest

import longtake as lt
from longtake_ltx2.sound import SoundDecoder
from tests.ltx2.support import NO_GUIDANCE, Checkpoints

GUIDANCE = {"denoise": NO_GUIDANCE}


@pytest.mark.parametrize("through_json", [False, True])
@pytest.mark.parametrize(
    ("generation", "fps", "overlap"), [("2.0", "24", 9), ("2.3", "24000/1001", 1), ("2.5", "25", 9)]
)
def test_segments_and_the_end_cover_the_take(
    checkpoints: Checkpoints, generation: Any, fps: str, overlap: int, through_json: bool
) -> None:
    with lt.load(checkpoints.path(generation)) as pipeline:
        with pipeline.components() as networks:
            decoder = SoundDecoder(networks["audio_vae"], networks["vocoder"])
        state: lt.ContinuationState | None = None
        frame = sample = 0
        for index in range(3):
            result = pipeline.generate(_request(state, fps, overlap))
            assert result.segment_index == index
            assert (result.first_frame, result.first_sample) == (frame, sample)
            assert result.audio is not None
            frame, sample = frame + len(result.frames), sample + result.audio.shape[1]
            state = result.state
            assert state is not None
            if through_json:
                state = lt.ContinuationState.from_json(state.to_json())
        assert state is not None
        end = pipeline.finish(state)
    assert (end.segment_index, end.first_frame, end.first_sample) == (2, frame, sample)
    assert end.audio is not None
    assert end.audio.shape[1] >= decoder.hold_back  # what the sound was behind
    whole = floor(frame * decoder.sample_rate / Fraction(fps) + Fraction(1, 2))
    assert sample + end.audio.shape[1] == whole


def test_a_take_without_sound_says_where_its_frames_belong(checkpoints: Checkpoints) -> None:
    with lt.load(checkpoints.path()) as pipeline:
        first = pipeline.generate(_request(None, "24", 9, audio=False))
        second = pipeline.generate(_request(first.state, "24", 9, audio=False))
    assert (first.first_frame, first.first_sample) == (0, None)
    assert (second.first_frame, second.first_sample) == (25, None)


def _request(
    state: lt.ContinuationState | None, fps: str, overlap: int, *, audio: bool = True
) -> lt.GenerationRequest:
    sampling = lt.Sampling(num_frames=25, num_inference_steps=2, fps=fps)
    output = lt.Output(last=False, return_state=True, overlap_frames=overlap, audio=audio)
    return lt.GenerationRequest(
        "fog", sampling=sampling, output=output, state=state, stage_overrides=GUIDANCE
    )
