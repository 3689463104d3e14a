"""Pictures of any size condition a segment; shapes that would take endless memory are refused."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import longtake as lt
from longtake_ltx2.clock import first_segment
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.stages import LTX2LatentPreparationStage
from tests.ltx2.inputs import asked, prefix
from tests.ltx2.watching import Watched

SQUARE = lt.Sampling(height=64, width=64, num_frames=9)


@pytest.fixture(scope="module")
def watched(tiny: Path) -> Iterator[Watched]:
    watched = Watched(tiny)
    yield watched
    watched.pipeline.close()


def still(height: int, width: int) -> lt.Inputs:
    return lt.Inputs(images=(lt.ImageInput.from_pixels(np.full((height, width, 3), 99, np.uint8)),))


def clip(height: int, width: int) -> lt.Inputs:
    frames = np.full((9, height, width, 3), 99, np.uint8)
    return lt.Inputs(clips=(lt.ClipInput.from_frames(frames),))


@pytest.mark.parametrize("inputs", [still(2, 3), still(300, 200), still(2, 32), clip(2, 32)])
def test_pictures_of_other_sizes_condition_a_segment(watched: Watched, inputs: lt.Inputs) -> None:
    result = watched.pipeline.generate(asked(inputs=inputs, sampling=SQUARE))
    assert result.frames.shape == (9, 64, 64, 3)


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        (still(1, 1), "inputs.images[0].data"),
        (still(4, 1), "inputs.images[0].data"),
        (still(2, 20_000), "inputs.images[0].data"),
        (still(33, 2), "inputs.images[0].data"),
        (clip(2, 5_000), "inputs.clips[0].data"),
    ],
)
def test_what_cannot_cover_the_segment_is_refused(
    watched: Watched, inputs: lt.Inputs, path: str
) -> None:
    with watched.counted() as ran, pytest.raises(lt.ValidationError) as refused:
        watched.pipeline.generate(asked(inputs=inputs, sampling=SQUARE))
    assert refused.value.path == path
    assert not ran


def test_sound_alone_may_be_of_a_size_that_no_picture_has(watched: Watched) -> None:
    sampling = lt.Sampling(height=32, width=32, num_frames=9)
    with pytest.raises(lt.ValidationError):
        watched.pipeline.generate(asked(sampling=sampling))
    result = watched.pipeline.generate(asked(sampling=sampling, output=lt.Output(video=False)))
    assert result.audio is not None


def test_without_a_vae_the_frames_of_before_are_refused(watched: Watched) -> None:
    state = prefix()
    result = watched.pipeline.generate(asked(state=state))
    assert result.job is not None
    alone = LTX2LatentPreparationStage(watched.components["transformer"])
    inputs, segment = lt.DecodedInputs(result.job.inputs), first_segment(25, Fraction(24))
    alone.check(result.job, None, inputs, segment, None, None)
    with pytest.raises(lt.ValidationError) as refused:
        restored = LTX2ContinuationState.from_continuation_state(state)
        alone.check(result.job, restored, inputs, segment, None, None)
    assert refused.value.path == "state.payload.video"


@pytest.mark.parametrize(
    ("count", "path", "reason"),
    [
        (1, "inputs.audio.data", "at least 1 ms is needed: give a longer one"),
        (40, "inputs.audio.data", "at least 1 ms is needed: give a longer one"),
        (48, "inputs.audio.start", "let it begin earlier, or give a longer one"),
        (470, "inputs.audio.start", "let it begin earlier, or give a longer one"),
    ],
)
def test_a_sound_too_short_to_be_encoded_is_refused(
    watched: Watched, count: int, path: str, reason: str
) -> None:
    sound = lt.AudioInput.from_samples(np.full((2, count), 0.5, np.float32), 48_000)
    with watched.counted() as ran, pytest.raises(lt.ValidationError) as refused:
        watched.pipeline.generate(asked(inputs=lt.Inputs(audio=sound), sampling=SQUARE))
    assert refused.value.path == path
    assert refused.value.problem.endswith(reason)
    assert not ran


def test_the_shortest_sound_that_fills_a_latent_conditions_a_segment(watched: Watched) -> None:
    sound = lt.AudioInput.from_samples(np.full((2, 480), 0.5, np.float32), 48_000)
    result = watched.pipeline.generate(asked(inputs=lt.Inputs(audio=sound), sampling=SQUARE))
    assert result.audio is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a process to CPUs")
def test_a_still_conditions_alike_on_any_number_of_cpus(watched: Watched) -> None:
    pixels = np.random.default_rng(8).integers(0, 256, (512, 512, 3), np.uint8)
    request = asked(inputs=lt.Inputs(images=(lt.ImageInput.from_pixels(pixels),)), sampling=SQUARE)
    cpus = os.sched_getaffinity(0)
    everywhere = watched.pipeline.generate(request).frames
    os.sched_setaffinity(0, {min(cpus)})
    try:
        alone = watched.pipeline.generate(request).frames
    finally:
        os.sched_setaffinity(0, cpus)
    np.testing.assert_array_equal(alone, everywhere)
