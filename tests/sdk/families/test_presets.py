"""A preset refuses defaults that nothing would read."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import longtake as lt
from tests.sdk.toy_family import FOG, black


def test_an_unknown_default_is_refused_with_those_there_are() -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.Preset("small", defaults={"heigth": 8})
    assert refused.value.path == "preset small: defaults.heigth"
    assert "height" in refused.value.problem


def test_stage_defaults_are_fields_by_stage() -> None:
    defaults: Any = {"denoise": 3}
    with pytest.raises(lt.ValidationError) as refused:
        lt.Preset("small", stage_defaults=defaults)
    assert refused.value.path == "preset small: stage_defaults.denoise"


def test_every_documented_default_is_allowed() -> None:
    documented = {
        "seed": 1,
        "height": 8,
        "width": 8,
        "num_frames": 9,
        "fps": 24,
        "negative_prompt": "sun",
        "num_inference_steps": 4,
        "guidance_scale": 3.0,
    }
    assert lt.Preset("all", defaults=documented).defaults == documented


def test_a_preset_may_have_a_recipe_of_its_own() -> None:
    preset = lt.Preset("still", stages=(black,))
    result = lt.Pipeline(FOG, preset=preset).generate(lt.GenerationRequest("fog"))
    assert (list(result.timings), result.audio) == (["black"], None)
    assert lt.Pipeline(FOG, preset=preset).recipe == (lt.StageSpec("black", black),)


@attrs.frozen(kw_only=True)
class RefineOverrides:
    enabled: bool = True
    passes: int = attrs.field(default=1, validator=lt.between(1, 3))


class RefineStage:
    def __call__(self) -> None:
        pass


def built(*, refine: RefineOverrides) -> tuple[lt.StageSpec, ...]:
    passes = refine.passes if refine.enabled else 0
    return (*(lt.StageSpec("refine", RefineStage) for _ in range(passes)), BLACK)


BLACK = lt.StageSpec("black", black)
BUILT = lt.Preset("built", stages=built, overrides={"refine": RefineOverrides})
NAMED = lt.Preset(
    "named",
    stages=f"{__name__}:built",
    overrides={"refine": f"{__name__}:RefineOverrides"},
)


@pytest.mark.parametrize("preset", [BUILT, NAMED])
@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        (None, ["refine", "black"]),
        ({}, ["refine", "black"]),
        ({"refine": {}}, ["refine", "black"]),
        ({"refine": {"enabled": False}}, ["black"]),
        ({"refine": {"passes": 2}}, ["refine", "refine", "black"]),
        ({"refine": RefineOverrides(enabled=False)}, ["black"]),
    ],
)
def test_overrides_decide_what_the_pipeline_is_built_of(
    preset: lt.Preset, overrides: dict[str, Any] | None, names: list[str]
) -> None:
    pipeline = lt.Pipeline(FOG, preset=preset, preset_overrides=overrides)
    assert [spec.name for spec in pipeline.recipe] == names
    timings = pipeline.generate(lt.GenerationRequest("fog")).timings
    assert list(timings) == list(dict.fromkeys(names))


BAD_OVERRIDES: list[tuple[Any, str, str]] = [
    ({"refin": {}}, "preset_overrides.refin", "allowed: refine"),
    ({"refine": {"nope": 1}}, "preset_overrides.refine.nope", "allowed: enabled, passes"),
    ({"refine": {"enabled": 1}}, "preset_overrides.refine.enabled", "expected true or false"),
    ({"refine": {"passes": 4}}, "preset_overrides.refine.passes", "must be a number from 1 to 3"),
    ({"refine": None}, "preset_overrides.refine", "expected an object"),
    ({"refine": 3}, "preset_overrides.refine", "expected an object"),
    ([("refine", {})], "preset_overrides", "must be {stage"),
]


@pytest.mark.parametrize(("overrides", "path", "problem"), BAD_OVERRIDES)
def test_bad_overrides_are_refused_with_their_path(overrides: Any, path: str, problem: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.Pipeline(FOG, preset=BUILT, preset_overrides=overrides)
    assert refused.value.path == path
    assert problem in refused.value.problem


@pytest.mark.parametrize("preset", [lt.Preset("plain"), lt.Preset("own", stages=(black,))])
def test_a_preset_without_overrides_refuses_any(preset: lt.Preset) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.Pipeline(FOG, preset=preset, preset_overrides={"refine": {}})
    assert refused.value.path == "preset_overrides.refine"
    assert f"{preset.name!r} has no such overrides; allowed: none" in refused.value.problem


@pytest.mark.parametrize("stages", [None, (black,)])
def test_overrides_that_nothing_would_read_are_refused(stages: Any) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.Preset("still", stages=stages, overrides={"refine": RefineOverrides})
    assert refused.value.path == "preset still: overrides"


def test_a_builder_without_overrides_is_imported_when_it_is_used() -> None:
    preset = lt.Preset("late", stages="no.such.module:recipe")
    with pytest.raises(lt.PluginError, match=r"no\.such\.module"):
        lt.Pipeline(FOG, preset=preset)


def contradict(*, refine: RefineOverrides) -> tuple[lt.StageSpec, ...]:
    raise lt.ValidationError("preset_overrides.refine", "contradicts itself")


def fail(*, refine: RefineOverrides) -> tuple[lt.StageSpec, ...]:
    raise RuntimeError("no recipe today")


def test_a_builder_may_refuse_and_one_that_fails_is_named() -> None:
    with pytest.raises(lt.ValidationError, match="contradicts itself"):
        lt.Pipeline(FOG, preset=BUILT.evolve(stages=contradict))
    with pytest.raises(lt.PluginError, match="'built' cannot build its recipe.*no recipe today"):
        lt.Pipeline(FOG, preset=BUILT.evolve(stages=fail))


def test_overrides_must_be_an_attrs_class() -> None:
    with pytest.raises(lt.PluginError, match="'refine' of preset 'odd' are not an attrs class"):
        lt.Pipeline(FOG, preset=lt.Preset("odd", stages=built, overrides={"refine": dict}))
