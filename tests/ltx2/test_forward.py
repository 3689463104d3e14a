"""Who computes the transformer: exactly with less work, or as diffusers does."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.transformers.transformer_ltx2 import (
    LTX2AdaLayerNormSingle,
    LTX2AudioVideoRotaryPosEmbed,
)

import longtake as lt
from longtake_ltx2.forward import checking
from longtake_ltx2.forward.choice import ForwardChoice
from longtake_ltx2.tiny import Generation
from longtake_ltx2.values import CleanLatents
from tests.ltx2.parity import GENERATIONS, GUIDANCE
from tests.ltx2.support import Checkpoints, moving_frames, networks, probed_pipeline, relative_error

TOLERANCE = 5e-6
"""Of latents after guided steps, which multiply what rounding does to one forward."""
STEPS = 2


def made(path: Path, *, conditioned: bool = True, **options: Any) -> tuple[CleanLatents, Any]:
    """A segment's latents, with all four passes, and how often its text was projected."""
    pipeline, probe = probed_pipeline(path, **options)
    image = lt.ImageInput.from_pixels(moving_frames(1)[0])
    request = lt.GenerationRequest(
        "a lighthouse in the fog",
        negative_prompt="blurry",
        inputs=lt.Inputs(images=(image,) if conditioned else ()),
        sampling=lt.Sampling(seed=3, num_inference_steps=STEPS),
        stage_overrides={"denoise": {**GUIDANCE["all"], "stg_blocks": [1]}},
    )
    projected = 0

    def count(module: Any, args: Any) -> None:
        nonlocal projected
        projected += 1

    with pipeline:
        with pipeline.components() as components:
            blocks = components["transformer"].transformer_blocks
            handles = [block.attn2.to_k.register_forward_pre_hook(count) for block in blocks]
        pipeline.generate(request)
        for handle in handles:
            handle.remove()
    return probe.clean[-1], projected


@pytest.mark.parametrize("conditioned", [True, False])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_both_give_the_same_latents(
    checkpoints: Checkpoints, generation: Generation, conditioned: bool, record_property: Any
) -> None:
    path = checkpoints.path(generation)
    plain, _ = made(path, conditioned=conditioned, forward="plain")
    exact, _ = made(path, conditioned=conditioned)
    for stream in ("video", "audio"):
        error = relative_error(getattr(plain, stream), getattr(exact, stream))
        record_property("worst relative error, exact forward", error)
        assert error < TOLERANCE


@pytest.mark.parametrize(("generation", "rounds"), [("2.0", 1), ("2.3", STEPS), ("2.5", STEPS)])
def test_text_is_projected_once_in_a_loop_or_once_in_a_step(
    checkpoints: Checkpoints, generation: Generation, rounds: int
) -> None:
    path = checkpoints.path(generation)
    layers = networks(path)["transformer"].config.num_layers
    prompts = 2
    assert made(path)[1] == prompts * layers * rounds
    assert made(path, forward="plain")[1] > prompts * layers * STEPS


def test_another_diffusers_gets_its_own_forward(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    transformer = networks(checkpoints.path("2.3"))["transformer"]
    choice = ForwardChoice()
    choice.settle(transformer)
    first: str = choice.used
    assert first == "exact"
    monkeypatch.setattr(checking, "_TIMESTEP", float("nan"))  # no result can be trusted
    with caplog.at_level(logging.WARNING):
        choice.settle(transformer)
    assert choice.used == "plain"
    assert "'plain' is used instead of 'exact'" in caplog.text
    assert not any("forward" in vars(block) for block in transformer.transformer_blocks)


def test_replaced_blocks_are_computed_as_they_are(
    checkpoints: Checkpoints, caplog: pytest.LogCaptureFixture
) -> None:
    transformer = networks(checkpoints.path("2.0"))["transformer"]
    block = transformer.transformer_blocks[0]
    block.forward = block.forward  # an attribute of its own
    choice = ForwardChoice()
    with caplog.at_level(logging.WARNING), torch.no_grad():
        choice.settle(transformer)
    assert choice.used == "plain" and "replaced the forward" in caplog.text


@pytest.mark.parametrize("generation", GENERATIONS)
def test_places_are_embedded_once_in_a_loop_and_levels_once_in_a_step(
    checkpoints: Checkpoints, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: Counter[str] = Counter()
    for kind in (LTX2AudioVideoRotaryPosEmbed, LTX2AdaLayerNormSingle):
        monkeypatch.setattr(kind, "forward", counted(kind, counts))
    path = checkpoints.path(generation)
    made(path)
    of_levels = 6 if generation == "2.0" else 8
    places, checked = 4, 2  # the check of a load: two passes of each forward
    assert counts["LTX2AudioVideoRotaryPosEmbed"] == places + (checked + 1) * places
    assert counts["LTX2AdaLayerNormSingle"] == of_levels * (STEPS + checked + 1)


def counted(kind: Any, counts: Counter[str]) -> Any:
    """The forward of a class, which counts how often it runs."""
    compute = kind.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        counts[kind.__name__] += 1
        return compute(*args, **kwargs)

    return forward
