"""What a recipe says of a stage: its name, and the class of its options."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from tests.sdk.toy_family import DEFAULTS, DenoiseOptions, black, pipeline_of


def noise() -> None:
    """What it does is not the question here."""


def test_bare_stages_are_named_after_their_class_or_function() -> None:
    class DenoisingStage:
        def __call__(self) -> None:
            pass

    class LatentDecoder:
        def __call__(self) -> None:
            pass

    stages = ("some.where:LatentUpsamplingStage", DenoisingStage, black, LatentDecoder())
    family = lt.ModelFamily("named", stages)
    names = [stage.name for stage in family.stages]
    assert names == ["latent_upsampling", "denoising", "black", "latent_decoder"]


def test_a_recipe_is_not_a_string() -> None:
    stages: Any = "some.where:Stage"
    with pytest.raises(lt.PluginError, match="tuple of stages"):
        lt.ModelFamily("named", stages)


def test_options_must_be_an_attrs_class() -> None:
    with pytest.raises(lt.PluginError, match=r"'noise'.*attrs class"):
        pipeline_of(lt.StageSpec("noise", noise, options=dict)).prepare()


def test_specs_and_values_are_frozen() -> None:
    with pytest.raises(AttributeError, match="never changes"):
        lt.StageSpec("noise", noise).name = "other"  # type: ignore[misc]


def test_a_spec_is_kept_as_it_is_beside_bare_stages() -> None:
    spec = lt.StageSpec("refine", noise, arguments={})
    family = lt.ModelFamily("named", [spec, black])
    assert family.stages == (spec, lt.StageSpec("black", black))
    assert family.stages[0] is spec


@pytest.mark.parametrize("options", [DenoiseOptions, "tests.sdk.toy_family:DenoiseOptions"])
def test_options_are_a_class_or_its_name(options: type | str) -> None:
    spec = lt.StageSpec("denoise", noise, options=options)
    assert spec.options_class() is DenoiseOptions


def test_a_stage_without_options_has_no_class() -> None:
    assert lt.StageSpec("denoise", noise).options_class() is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [("no.such.module:Options", r"no\.such\.module:Options"), (f"{__name__}:noise", "attrs class")],
)
def test_a_name_of_no_options_class_is_refused(options: str, reason: str) -> None:
    with pytest.raises(lt.PluginError, match=reason):
        lt.StageSpec("denoise", noise, options=options).options_class()


NAMED = "tests.sdk.toy_family:DenoiseOptions"
BAD_DEFAULTS = [
    ({"nope": 1}, "stage refine: defaults.nope", "unknown option; allowed: "),
    ({"num_inference_steps": "3"}, "stage refine: defaults.num_inference_steps", "'3'"),
]


@pytest.mark.parametrize(("defaults", "path", "problem"), BAD_DEFAULTS)
def test_bad_defaults_are_refused_where_the_spec_is_written(
    defaults: dict[str, Any], path: str, problem: str
) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.StageSpec("refine", noise, options=DenoiseOptions, defaults=defaults)
    assert refused.value.path == path
    assert problem in refused.value.problem


@pytest.mark.parametrize(("defaults", "path", "problem"), BAD_DEFAULTS)
@pytest.mark.parametrize("where", ["family", "preset", "finish"])
def test_bad_defaults_of_named_options_are_refused_when_the_pipeline_is_made(
    where: str, defaults: dict[str, Any], path: str, problem: str
) -> None:
    """The class that is named is imported by nobody who only lists the family."""
    recipe = (lt.StageSpec("refine", noise, options=NAMED, defaults=defaults), black)
    given: dict[str, Any] = {
        "family": {"stages": recipe},
        "finish": {"stages": (black,), "finish": recipe},
        "preset": {"stages": (black,), "presets": (lt.Preset("p", stages=recipe),)},
    }
    family = lt.ModelFamily("named", defaults=DEFAULTS, **given[where])
    with pytest.raises(lt.ValidationError) as refused:
        lt.Pipeline(family)
    assert refused.value.path == path
    assert problem in refused.value.problem


def test_a_stage_without_options_has_no_defaults() -> None:
    with pytest.raises(lt.ValidationError, match="stage refine: defaults: the stage has no opt"):
        lt.StageSpec("refine", noise, defaults={"num_inference_steps": 2})


def test_stages_of_one_name_agree_on_their_defaults() -> None:
    specs = [
        lt.StageSpec("refine", noise, options=NAMED, defaults={"num_inference_steps": steps})
        for steps in (2, 3)
    ]
    with pytest.raises(lt.ValidationError, match="defaults.num_inference_steps: is 3, and 2 in an"):
        pipeline_of(*specs)
    request = lt.GenerationRequest("fog")
    options = pipeline_of(specs[0], lt.StageSpec("refine", noise, options=NAMED)).generate(request)
    assert options.options["refine"].num_inference_steps == 2
