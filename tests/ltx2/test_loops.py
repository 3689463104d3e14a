"""How a denoising loop is settled: every stage sees the same steps and the same guidance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

import longtake as lt
from longtake.cli import main
from longtake_ltx2.denoising.guidance import Guidance, needs_negative
from longtake_ltx2.numerics import DIFFUSERS, OFFICIAL
from longtake_ltx2.stage_overrides import (
    LTX2DenoiseOptions,
    LTX2LoopOptions,
    LTX2RefineStageOverride,
)
from longtake_ltx2.stages import LTX2DenoisingStage
from longtake_ltx2.values import CleanLatents, TextContext
from tests.ltx2.support import family

SIZE = lt.Sampling(height=128, width=128, num_frames=9, num_inference_steps=2)
REQUEST = lt.GenerationRequest("a bell", sampling=SIZE, negative_prompt="fog")
LOOP = ":LTX2DenoisingStage"


class Looking:
    """A last stage that keeps what the loops were given and made."""

    def __init__(self) -> None:
        self.texts: list[TextContext] = []
        self.clean: list[CleanLatents] = []

    def __call__(self, text: TextContext, clean: CleanLatents) -> None:
        self.texts.append(text)
        self.clean.append(clean)


def changed(spec: lt.StageSpec, changes: Mapping[str, Any]) -> lt.StageSpec:
    is_second = spec.name == "refine" and str(spec.stage).endswith(LOOP)
    return spec.evolve(**changes) if is_second else spec


def two_stages(looking: Looking, **changes: Any) -> lt.ModelFamily:
    """LTX-2 with another second loop in its two stages, and somebody who looks."""
    declared = family()
    own = declared.preset("ltx2_two_stage")

    def stages(**overrides: Any) -> Iterator[lt.StageSpec]:
        for spec in declared.recipe(own, overrides):
            yield changed(spec, changes)
        yield lt.StageSpec("look", looking)

    return declared.evolve(presets=(own.evolve(stages=stages),))


def generated(path: Path, request: lt.GenerationRequest = REQUEST, **changes: Any) -> Any:
    """The text context, the last latents and the options that were used."""
    looking = Looking()
    chosen: dict[str, Any] = {"preset": "ltx2_two_stage", "device": "cpu"}
    with lt.load(path, family=two_stages(looking, **changes), **chosen) as pipeline:
        result = pipeline.generate(request)
    return looking.texts[0], looking.clean[0], result.options["refine"]


GUIDED = {"num_inference_steps": 2, "guidance_scale": 4.0}
TABLE = {"sigmas_override": (0.909375, 0.725, 0.421875, 0.0)}


@pytest.fixture(scope="module")
def plain(tiny: Path) -> Any:
    return generated(tiny)


@pytest.fixture(scope="module")
def overridden(tiny: Path) -> Any:
    """The request asks for guidance in the second pass."""
    asked = attrs.evolve(REQUEST, stage_overrides={"refine": {"guidance_scale": 4.0}})
    return generated(tiny, asked)


def test_the_options_of_the_second_pass_are_complete(plain: Any) -> None:
    text, _, options = plain
    assert (options.num_inference_steps, options.guidance_scale) == (2, 1.0)
    assert text.negative is None


@pytest.mark.parametrize(
    "changes",
    [
        {"defaults": GUIDED},
        {
            "defaults": {},
            "arguments": {
                **TABLE,
                "num_inference_steps_override": 2,
                "force_guidance_scale": 4.0,
            },
        },
    ],
    ids=["defaults of the spec", "arguments of the constructor"],
)
def test_a_recipe_may_guide_its_second_pass(
    tiny: Path, plain: Any, overridden: Any, changes: dict[str, Any]
) -> None:
    text, clean, _ = generated(tiny, **changes)
    assert text.negative is not None
    assert torch.equal(clean.video, overridden[1].video)
    assert torch.equal(clean.audio, overridden[1].audio)
    assert not torch.equal(clean.video, plain[1].video)


def test_a_request_may_turn_the_guidance_of_a_recipe_off(tiny: Path, plain: Any) -> None:
    asked = attrs.evolve(REQUEST, stage_overrides={"refine": {"guidance_scale": 1.0}})
    text, clean, _ = generated(tiny, asked, defaults=GUIDED)
    assert text.negative is None
    assert torch.equal(clean.video, plain[1].video)


def test_a_second_pass_that_follows_the_sampling_is_guided_by_it(
    tiny: Path, overridden: Any
) -> None:
    sampling = attrs.evolve(SIZE, guidance_scale=4.0)
    asked = attrs.evolve(REQUEST, sampling=sampling)
    text, _, options = generated(tiny, asked, follows_sampling=True)
    assert (options.num_inference_steps, options.guidance_scale) == (2, 4.0)
    assert text.negative is not None


def test_a_loop_with_another_name_is_refused_by_that_name(tiny: Path) -> None:
    declared = family()
    stages = tuple(
        spec.evolve(name="paint") if spec.name == "denoise" else spec for spec in declared.stages
    )
    paints = declared.preset("ltx2_tiny").evolve(stages=stages, stage_defaults={})
    renamed = declared.evolve(presets=(paints,))
    for field, value in (("num_inference_steps", 1), ("stg_blocks", [7])):
        overrides = {"paint": {"stg_scale": 1.0, "stg_blocks": [1], field: value}}
        asked = lt.GenerationRequest("fog", stage_overrides=overrides)
        with (
            lt.load(tiny, family=renamed, device="cpu") as pipeline,
            pytest.raises(lt.ValidationError) as refused,
        ):
            pipeline.generate(asked)
        assert refused.value.path == f"stage_overrides.paint.{field}"


def test_what_a_stage_alone_refuses_is_named_by_its_parameter() -> None:
    class Transformer:
        config = type("Config", (), {"num_layers": 3})

    stage = LTX2DenoisingStage(Transformer(), num_inference_steps_override=1)
    for options in (None, LTX2RefineStageOverride()):
        with pytest.raises(lt.ValidationError) as refused:
            stage.check(lt.Job.example(), options)
        assert refused.value.path == "options.num_inference_steps"


def test_what_is_left_open_is_said_by_who_settles_it() -> None:
    open_options = LTX2RefineStageOverride()
    assert open_options.settled() == LTX2DenoiseOptions()
    settled = open_options.settled(num_inference_steps=3, guidance_scale=2.0)
    assert settled == LTX2DenoiseOptions(num_inference_steps=3, guidance_scale=2.0)
    chosen = LTX2RefineStageOverride(num_inference_steps=2, guidance_scale=5.0)
    kept = chosen.settled(num_inference_steps=3, guidance_scale=1.0)
    assert kept == LTX2DenoiseOptions(num_inference_steps=2, guidance_scale=5.0)
    whole = LTX2DenoiseOptions(stg_scale=1.0, stg_blocks=(2,))
    assert whole.settled(num_inference_steps=3) is whole


@pytest.mark.parametrize("numerics", [OFFICIAL, DIFFUSERS])
def test_a_scale_that_is_open_may_ask_for_the_negative_prompt(numerics: Any) -> None:
    assert needs_negative([LTX2LoopOptions()], numerics)
    assert not needs_negative([LTX2LoopOptions(guidance_scale=1.0)], numerics)
    loops = [LTX2DenoiseOptions(), LTX2RefineStageOverride(guidance_scale=4.0)]
    assert needs_negative(loops, numerics)
    assert Guidance.from_options(loops[1], numerics).audio.cfg == 4.0


def test_the_listing_shows_what_the_recipe_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "ltx2", "--json"]) == 0
    listed = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    stages = [s for s in listed["ltx2_two_stage"]["stages"] if s["name"] == "refine"]
    assert len(stages) == 3
    for stage in stages:
        fields = stage["schema"]["properties"]
        assert (fields["num_inference_steps"]["default"], fields["guidance_scale"]["default"]) == (
            2,
            1.0,
        )
