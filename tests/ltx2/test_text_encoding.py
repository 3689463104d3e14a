"""The text stage: what runs, what is remembered, and what is cut."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest
import torch

import longtake as lt
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions
from longtake_ltx2.stages import LTX2TextEncodingStage
from longtake_ltx2.values import TextContext
from tests.ltx2.support import Checkpoints, relative_error
from tests.ltx2.watching import Watched

PLAIN = LTX2DenoiseOptions()
CFG = LTX2DenoiseOptions(guidance_scale=3.0)


@pytest.fixture(scope="module", params=["2.0", "2.3"])
def watched(request: Any, checkpoints: Checkpoints) -> Watched:
    return Watched(checkpoints.path(request.param))


@pytest.fixture
def stage(watched: Watched) -> LTX2TextEncodingStage:
    """With nothing remembered yet."""
    return new_stage(watched)


def new_stage(watched: Watched) -> LTX2TextEncodingStage:
    components = watched.components
    return LTX2TextEncodingStage(
        components["text_encoders"], components["tokenizers"], components["connectors"]
    )


def job(prompt: str, negative: str = "") -> lt.Job:
    return attrs.evolve(lt.Job.example(prompt), negative_prompt=negative)


def context_of(
    stage: LTX2TextEncodingStage, job: lt.Job, options: LTX2DenoiseOptions, refine: None
) -> TextContext:
    context, _ = stage(job, options, refine, None, lt.Run(), None)
    return context


def bytes_of(context: TextContext) -> int:
    return context.positive.video.nbytes + context.positive.audio.nbytes


def test_a_prompt_runs_once(watched: Watched, stage: LTX2TextEncodingStage) -> None:
    with watched.counted() as ran:
        first = context_of(stage, job("a lighthouse"), PLAIN, None)
        again = context_of(stage, job("  a lighthouse\n"), PLAIN, None)
    assert ran == {"text_encoder": 1, "connectors": 1}
    assert torch.equal(first.positive.video, again.positive.video)
    assert torch.equal(first.positive.audio, again.positive.audio)


def test_the_negative_prompt_runs_only_when_a_scale_asks(
    watched: Watched, stage: LTX2TextEncodingStage
) -> None:
    with watched.counted() as ran:
        plain = context_of(stage, job("a lighthouse", "blurry"), PLAIN, None)
    assert ran["text_encoder"] == 1
    assert plain.negative is None
    with watched.counted() as ran:
        guided = context_of(stage, job("a lighthouse", "blurry"), CFG, None)
    assert ran["text_encoder"] == 1  # the prompt is remembered
    assert guided.negative is not None
    assert not torch.equal(guided.negative.video, guided.positive.video)
    only_sound = LTX2DenoiseOptions(audio_guidance_scale=2.0)
    assert context_of(stage, job("a lighthouse", "blurry"), only_sound, None).negative is not None


def test_the_same_text_as_prompt_and_negative_runs_once(
    watched: Watched, stage: LTX2TextEncodingStage
) -> None:
    with watched.counted() as ran:
        context = context_of(stage, job("fog", "fog"), CFG, None)
    assert ran["text_encoder"] == 1
    assert context.negative is not None
    assert torch.equal(context.negative.video, context.positive.video)


def test_the_least_recently_used_prompt_is_forgotten(watched: Watched) -> None:
    components = watched.components
    of_one = bytes_of(context_of(new_stage(watched), job("prompt"), PLAIN, None))
    config = LTX2T2VConfig(text_cache_bytes=3 * of_one + 1)
    stage = LTX2TextEncodingStage(
        components["text_encoders"],
        components["tokenizers"],
        components["connectors"],
        config=config,
    )

    def runs(prompt: str) -> int:
        with watched.counted() as ran:
            context_of(stage, job(prompt), PLAIN, None)
        return ran["text_encoder"]

    assert [runs(f"prompt {n}") for n in range(3)] == [1, 1, 1]
    assert stage.memory.num_bytes == 3 * of_one
    assert runs("prompt 0") == 0  # and is the newest now
    assert runs("one more") == 1
    assert (len(stage.memory), stage.memory.num_bytes) == (3, 3 * of_one)
    assert runs("prompt 0") == 0
    assert runs("prompt 1") == 1


def test_a_long_prompt_is_cut_with_a_warning(
    stage: LTX2TextEncodingStage, caplog: pytest.LogCaptureFixture
) -> None:
    kept, long = "a" * 63, "a" * 100  # one token a byte, after the first one
    with caplog.at_level(logging.WARNING, logger="longtake_ltx2"):
        short_context = context_of(stage, job(kept), PLAIN, None)
        assert not caplog.records
        long_context = context_of(stage, job(long), PLAIN, None)
    assert "101 tokens" in caplog.text
    assert "64" in caplog.text
    assert torch.equal(short_context.positive.video, long_context.positive.video)


def test_prompts_matter(stage: LTX2TextEncodingStage) -> None:
    one, other = (
        context_of(stage, job("a lighthouse"), PLAIN, None),
        context_of(stage, job("a harbour"), PLAIN, None),
    )
    assert one.positive.video.shape == other.positive.video.shape
    assert one.positive.video.shape[:2] == one.positive.audio.shape[:2] == (1, 64)
    assert not torch.allclose(one.positive.video, other.positive.video)
    assert not torch.allclose(one.positive.audio, other.positive.audio)


def test_without_connectors_both_streams_get_the_last_hidden_state(watched: Watched) -> None:
    components = watched.components
    stage = LTX2TextEncodingStage(components["text_encoders"], components["tokenizers"])
    with watched.counted() as ran:
        context = context_of(stage, job("a lighthouse"), PLAIN, None)
    assert ran == {"text_encoder": 1}
    assert torch.equal(context.positive.video, context.positive.audio)


def test_no_logits_are_computed(watched: Watched, stage: LTX2TextEncodingStage) -> None:
    (encoder,) = watched.components["text_encoders"]
    tokens: list[int] = []
    handle = encoder.lm_head.register_forward_pre_hook(
        lambda _, inputs: tokens.append(inputs[0].shape[:-1].numel())
    )
    try:
        context_of(stage, job("a lighthouse"), PLAIN, None)
    finally:
        handle.remove()
    assert sum(tokens) == 0


def test_the_text_encoder_sees_the_real_tokens_alone_where_that_is_asked(
    watched: Watched, stage: LTX2TextEncodingStage
) -> None:
    components, seen = watched.components, []
    (encoder,) = components["text_encoders"]
    fewer = LTX2TextEncodingStage(
        components["text_encoders"],
        components["tokenizers"],
        components["connectors"],
        config=LTX2T2VConfig(text_real_tokens=True),
    )
    handle = encoder.register_forward_pre_hook(
        lambda _, args, given: seen.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        whole = context_of(stage, job("a lighthouse"), PLAIN, None).positive
        real = context_of(fewer, job("a lighthouse"), PLAIN, None).positive
    finally:
        handle.remove()
    assert seen == [64, 13]  # one token a byte, and the first one
    assert relative_error(whole.video, real.video) < 1e-5
    assert relative_error(whole.audio, real.audio) < 1e-5
