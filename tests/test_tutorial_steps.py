"""The steps of the family tutorial: each is a plugin that runs, and the first is short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import longtake as lt

STEPS = Path(__file__).parents[1] / "docs" / "tutorials" / "steps"
NAMES = ("first", "options", "state", "two_stages", "arrays")
GOES_ON = ("state", "two_stages", "arrays")
MOST_LINES = 15


def pipeline_of(name: str) -> lt.Pipeline:
    registry = lt.Registry.of(f"docs.tutorials.steps.{name}")
    [provided] = registry.families
    return lt.load(family=provided.value, registry=registry)


def test_the_first_step_is_short() -> None:
    assert len((STEPS / "first.py").read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", NAMES)
def test_every_step_draws_and_moves(name: str) -> None:
    with pipeline_of(name) as pipeline:
        result = pipeline.generate("dusk")
    assert result.frames.shape == (49, 64, 96, 3)
    assert (result.frames[0] != result.frames[24]).any()
    if name != "arrays":
        assert result.audio is not None
        assert result.audio.shape == (1, 98_000)
        assert 0.1 < np.abs(result.audio).max() <= 0.2


@pytest.mark.parametrize("name", GOES_ON)
def test_two_segments_are_one_long_one(name: str) -> None:
    with pipeline_of(name) as pipeline:
        session = lt.Session(pipeline, sampling=lt.Sampling(num_frames=25), overlap_frames=9)
        parts = [session.extend("dusk") for _ in range(2)]
        whole = pipeline.generate(lt.GenerationRequest("dusk", sampling=lt.Sampling(num_frames=41)))
    frames = np.concatenate([part.frames for part in parts]).astype(int)
    assert np.abs(frames - whole.frames).max() <= 1
    if whole.audio is not None:
        sound = np.concatenate([part.audio for part in parts], axis=1)
        np.testing.assert_allclose(sound, whole.audio, atol=1e-4)


def test_the_second_step_takes_options() -> None:
    request = lt.GenerationRequest("dusk", stage_overrides={"glow": {"pitch": 0}})
    with pipeline_of("options") as pipeline, pytest.raises(lt.ValidationError, match="glow.pitch"):
        pipeline.check(request)
