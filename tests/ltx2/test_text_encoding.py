"""The text stage: what runs, what is remembered, and what is cut."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest
import torch

import longtake as lt
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions
from longtake_ltx2.stages import LTX2TextEncodingStage
from tests.ltx2.support import Checkpoints
from tests.ltx2.watching import Watched

PLAIN = LTX2DenoiseOptions()
CFG = LTX2DenoiseOptions(guidance_scale=3.0)
REMEMBERED = 16


@pytest.fixture(scope="module", params=["2.0", "2.3"])
def watched(request: Any, checkpoints: Checkpoints) -> Watched:
    return Watched(checkpoints.path(request.param))


@pytest.fixture
def stage(watched: Watched) -> LTX2TextEncodingStage:
    """With nothing remembered yet."""
    components = watched.components
    return LTX2TextEncodingStage(
        components["text_encoders"], components["tokenizers"], components["connectors"]
    )


def job(prompt: str, negative: str = "") -> lt.Job:
    return attrs.evolve(lt.Job.example(prompt), negative_prompt=negative)


def test_a_prompt_runs_once(watched: Watched, stage: LTX2TextEncodingStage) -> None:
    with watched.counted() as ran:
        first = stage(job("a lighthouse"), PLAIN, None)
        again = stage(job("  a lighthouse\n"), PLAIN, None)
    assert ran == {"text_encoder": 1, "connectors": 1}
    assert torch.equal(first.positive.video, again.positive.video)
    assert torch.equal(first.positive.audio, again.positive.audio)


def test_the_negative_prompt_runs_only_when_a_scale_asks(
    watched: Watched, stage: LTX2TextEncodingStage
) -> None:
    with watched.counted() as ran:
        plain = stage(job("a lighthouse", "blurry"), PLAIN, None)
    assert ran["text_encoder"] == 1
    assert plain.negative is None
    with watched.counted() as ran:
        guided = stage(job("a lighthouse", "blurry"), CFG, None)
    assert ran["text_encoder"] == 1  # the prompt is remembered
    assert guided.negative is not None
    assert not torch.equal(guided.negative.video, guided.positive.video)
    only_sound = LTX2DenoiseOptions(audio_guidance_scale=2.0)
    assert stage(job("a lighthouse", "blurry"), only_sound, None).negative is not None


def test_the_same_text_as_prompt_and_negative_runs_once(
    watched: Watched, stage: LTX2TextEncodingStage
) -> None:
    with watched.counted() as ran:
        context = stage(job("fog", "fog"), CFG, None)
    assert ran["text_encoder"] == 1
    assert context.negative is not None
    assert torch.equal(context.negative.video, context.positive.video)


def test_the_least_recently_used_prompt_is_forgotten(
    watched: Watched, stage: LTX2TextEncodingStage
) -> None:
    def runs(prompt: str) -> int:
        with watched.counted() as ran:
            stage(job(prompt), PLAIN, None)
        return ran["text_encoder"]

    assert [runs(f"prompt {n}") for n in range(REMEMBERED)] == [1] * REMEMBERED
    assert runs("prompt 0") == 0  # and is the newest now
    assert runs("one more") == 1
    assert runs("prompt 0") == 0
    assert runs("prompt 1") == 1


def test_a_long_prompt_is_cut_with_a_warning(
    stage: LTX2TextEncodingStage, caplog: pytest.LogCaptureFixture
) -> None:
    kept, long = "a" * 63, "a" * 100  # one token a byte, after the first one
    with caplog.at_level(logging.WARNING, logger="longtake_ltx2"):
        short_context = stage(job(kept), PLAIN, None)
        assert not caplog.records
        long_context = stage(job(long), PLAIN, None)
    assert "101 tokens" in caplog.text
    assert "64" in caplog.text
    assert torch.equal(short_context.positive.video, long_context.positive.video)


def test_prompts_matter(stage: LTX2TextEncodingStage) -> None:
    one, other = stage(job("a lighthouse"), PLAIN, None), stage(job("a harbour"), PLAIN, None)
    assert one.positive.video.shape == other.positive.video.shape
    assert one.positive.video.shape[:2] == one.positive.audio.shape[:2] == (1, 64)
    assert not torch.allclose(one.positive.video, other.positive.video)
    assert not torch.allclose(one.positive.audio, other.positive.audio)


def test_without_connectors_both_streams_get_the_last_hidden_state(watched: Watched) -> None:
    components = watched.components
    stage = LTX2TextEncodingStage(components["text_encoders"], components["tokenizers"])
    with watched.counted() as ran:
        context = stage(job("a lighthouse"), PLAIN, None)
    assert ran == {"text_encoder": 1}
    assert torch.equal(context.positive.video, context.positive.audio)
