"""Where each value comes from when several say one, and what is refused."""

from __future__ import annotations

import sys
from fractions import Fraction
from types import ModuleType
from typing import Any

import attrs
import pytest

import longtake as lt
from tests.sdk.toy_family import DEFAULTS, FOG, FogCodec, FogState, black, pipeline_of


@attrs.frozen(kw_only=True)
class Options:
    num_inference_steps: int = attrs.field(default=3, validator=attrs.validators.ge(2))
    guidance_scale: float = 1.5
    blocks: tuple[int, ...] = ()


@attrs.frozen(kw_only=True)
class Unfollowed:
    num_inference_steps: int = 11


def stage() -> None:
    """What it does is not the question here."""


DENOISE = lt.StageSpec("denoise", stage, options=Options)
UPSAMPLE = lt.StageSpec("upsample", stage, options=Unfollowed, follows_sampling=False)


def family(**declared: Any) -> lt.ModelFamily:
    defaults = {**DEFAULTS, **declared.pop("defaults", {})}
    return lt.ModelFamily("toy", (DENOISE, UPSAMPLE, black), defaults=defaults, **declared)


def used(
    declared: lt.ModelFamily,
    *,
    sampling: dict[str, Any] | None = None,
    **request: Any,
) -> lt.GenerationResult:
    asked = lt.GenerationRequest("fog", sampling=lt.Sampling(**sampling or {}), **request)
    return lt.Pipeline(declared).generate(asked)


def steps(result: lt.GenerationResult) -> int:
    options: Options = result.options["denoise"]
    return options.num_inference_steps


LAYERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("options", {}, {}),
    ("family", {"defaults": {"num_inference_steps": 4}}, {}),
    ("preset", {"presets": (lt.Preset("p", defaults={"num_inference_steps": 5}),)}, {}),
    (
        "preset's stage",
        {
            "presets": (
                lt.Preset(
                    "p",
                    defaults={"num_inference_steps": 5},
                    stage_defaults={"denoise": {"num_inference_steps": 6}},
                ),
            )
        },
        {},
    ),
    ("sampling", {}, {"sampling": {"num_inference_steps": 7}}),
    ("override", {}, {"stage_overrides": {"denoise": {"num_inference_steps": 8}}}),
]


@pytest.mark.parametrize("count", range(1, len(LAYERS) + 1))
def test_each_layer_wins_over_those_before(count: int) -> None:
    declared: dict[str, Any] = {}
    asked: dict[str, Any] = {}
    for _, of_family, of_request in LAYERS[:count]:
        declared.update(of_family)
        asked.update(of_request)
    assert steps(used(family(**declared), **asked)) == 2 + count


def test_stages_that_do_not_follow_the_sampling_keep_their_own() -> None:
    result = used(family(defaults={"num_inference_steps": 4}), sampling={"num_inference_steps": 7})
    assert result.options["upsample"] == Unfollowed(num_inference_steps=11)


def test_the_result_says_which_values_were_used() -> None:
    preset = lt.Preset("p", defaults={"height": 8, "negative_prompt": "sun"})
    result = used(family(presets=(preset,)), sampling={"width": 2, "fps": "24000/1001"})
    assert result.job == lt.Job(
        prompt="fog",
        negative_prompt="sun",
        inputs=lt.Inputs(),
        sampling=lt.ResolvedSampling(
            seed=5, height=8, width=2, num_frames=9, fps=Fraction(24000, 1001)
        ),
        output=lt.Output(),
        segment_index=0,
        segment_seed=5,
    )
    assert result.fps == Fraction(24000, 1001)
    assert result.frames.shape == (9, 8, 2, 3)


def test_the_take_stands_between_the_preset_and_the_sampling() -> None:
    state = FogCodec().encode(FogState(0, 77, 6, 8, 9, 1))
    preset = lt.Preset("p", defaults={"height": 32, "width": 32, "seed": 1})
    declared = family(presets=(preset,), codecs=(FogCodec(),))
    job = used(declared, state=state, sampling={"width": 10}).job
    assert job is not None
    assert (job.sampling.seed, job.sampling.height, job.sampling.width) == (77, 6, 10)


def test_a_negative_prompt_is_empty_when_nobody_says_one() -> None:
    job = used(family()).job
    assert job is not None
    assert job.negative_prompt == ""


def test_an_empty_negative_prompt_wins_over_the_presets() -> None:
    declared = family(presets=(lt.Preset("p", defaults={"negative_prompt": "sun"}),))
    job = used(declared, negative_prompt="").job
    assert job is not None
    assert job.negative_prompt == ""


@pytest.fixture
def constants(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that can be imported, and raises for what it does not have."""
    module = ModuleType("fog_constants")
    monkeypatch.setitem(sys.modules, "fog_constants", module)
    return module


def test_references_are_imported_when_they_are_used(constants: ModuleType) -> None:
    vars(constants).update(NEGATIVE="sun", HEIGHT=6, STEPS=9, BLOCKS=[1, 2])
    preset = lt.Preset(
        "p",
        defaults={
            "negative_prompt": lt.Reference("fog_constants:NEGATIVE"),
            "height": lt.Reference("fog_constants:HEIGHT"),
            "num_inference_steps": lt.Reference("fog_constants:STEPS"),
        },
        stage_defaults={"denoise": {"blocks": lt.Reference("fog_constants:BLOCKS")}},
    )
    result = used(family(presets=(preset,)))
    assert result.job is not None
    assert (result.job.negative_prompt, result.job.sampling.height) == ("sun", 6)
    assert result.options["denoise"] == Options(num_inference_steps=9, blocks=(1, 2))


def test_references_that_are_overridden_are_never_imported() -> None:
    nowhere = lt.Reference("no.such.module:NAME")
    names = ("negative_prompt", "height", "num_inference_steps")
    preset = lt.Preset(
        "p",
        defaults=dict.fromkeys(names, nowhere),
        stage_defaults={"denoise": {"blocks": nowhere}},
    )
    result = used(
        family(presets=(preset,)),
        negative_prompt="rain",
        sampling={"height": 4, "num_inference_steps": 2},
        stage_overrides={"denoise": {"blocks": [3]}},
    )
    assert result.options["denoise"] == Options(num_inference_steps=2, blocks=(3,))


def test_a_reference_to_nothing_is_an_error_that_names_it() -> None:
    preset = lt.Preset("p", defaults={"negative_prompt": lt.Reference("no.such.module:NAME")})
    with pytest.raises(lt.PluginError, match=r"no\.such\.module:NAME"):
        used(family(presets=(preset,)))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("stage_overrides.denoize", {"stage_overrides": {"denoize": {}}}, "stages: denoise, upsample"),
    ("stage_overrides.black", {"stage_overrides": {"black": {}}}, "no stage of this name"),
    (
        "stage_overrides.denoise.step",
        {"stage_overrides": {"denoise": {"step": 1}}},
        "num_inference_steps",
    ),
    (
        "stage_overrides.denoise.num_inference_steps",
        {"stage_overrides": {"denoise": {"num_inference_steps": "3"}}},
        "expected an integer",
    ),
    (
        "stage_overrides.denoise.num_inference_steps",
        {
            "sampling": {"num_inference_steps": 1},
            "stage_overrides": {"denoise": {"num_inference_steps": 0}},
        },
        "must be >= 2",
    ),
    ("sampling.num_inference_steps", {"sampling": {"num_inference_steps": 1}}, "must be >= 2"),
    (
        "sampling.num_inference_steps",
        {
            "sampling": {"num_inference_steps": 1},
            "stage_overrides": {"denoise": {"guidance_scale": 2.0}},
        },
        "must be >= 2",
    ),
    (
        "stage_overrides.denoise.blocks[1]",
        {"stage_overrides": {"denoise": {"blocks": [1, "2"]}}},
        "expected an integer",
    ),
    (
        "stage_overrides.denoise.guidance_scale",
        {"stage_overrides": {"denoise": {"guidance_scale": True}}},
        "expected a number",
    ),
]


@pytest.mark.parametrize(("path", "asked", "word"), REFUSED)
def test_the_path_says_who_gave_the_bad_value(path: str, asked: dict[str, Any], word: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        used(family(), **asked)
    assert refused.value.path == path
    assert word in refused.value.problem


@pytest.mark.parametrize(
    ("declared", "path"),
    [
        (
            {"presets": (lt.Preset("p", stage_defaults={"denoize": {}}),)},
            "preset p: stage_defaults.denoize",
        ),
        (
            {"presets": (lt.Preset("p", stage_defaults={"denoise": {"step": 1}}),)},
            "preset p: stage_defaults.denoise.step",
        ),
        (
            {"presets": (lt.Preset("p", defaults={"num_inference_steps": 0}),)},
            "preset p: defaults.num_inference_steps",
        ),
        ({"defaults": {"guidance_scale": "x"}}, "family toy: defaults.guidance_scale"),
    ],
)
def test_a_bad_default_is_blamed_on_who_declared_it(declared: dict[str, Any], path: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        used(family(**declared))
    assert refused.value.path == path


@pytest.mark.parametrize("name", ["num_inference_steps", "guidance_scale"])
def test_sampling_that_no_stage_follows_is_refused(name: str) -> None:
    said: dict[str, Any] = {name: 2}
    request = lt.GenerationRequest("fog", sampling=lt.Sampling(**said))
    with pytest.raises(lt.ValidationError) as refused:
        pipeline_of(UPSAMPLE).generate(request)
    assert refused.value.path == f"sampling.{name}"


@attrs.frozen(kw_only=True)
class Exclusive:
    low: int = 0
    high: int = attrs.field(default=1)

    @high.validator
    def _check(self, attribute: attrs.Attribute[int], value: int) -> None:
        if value <= self.low:
            raise lt.ValidationError("high", "must be above low")


def test_a_refusal_of_the_options_class_gets_the_whole_path() -> None:
    request = lt.GenerationRequest("fog", stage_overrides={"band": {"low": 3, "high": 2}})
    with pytest.raises(lt.ValidationError) as refused:
        pipeline_of(lt.StageSpec("band", stage, options=Exclusive)).generate(request)
    assert refused.value.path == "stage_overrides.band.high"


@attrs.frozen(kw_only=True)
class WithSeed:
    seed: int = 123
    num_inference_steps: int = 3


def test_only_steps_and_guidance_are_followed() -> None:
    pipeline = pipeline_of(lt.StageSpec("own", stage, options=WithSeed))
    request = lt.GenerationRequest("fog", sampling=lt.Sampling(seed=9, num_inference_steps=4))
    assert pipeline.generate(request).options["own"] == WithSeed(seed=123, num_inference_steps=4)


@pytest.mark.parametrize("name", ["seed", "height", "width", "num_frames", "fps"])
def test_a_value_that_nobody_gives_is_required(name: str) -> None:
    defaults = {key: value for key, value in DEFAULTS.items() if key != name}
    pipeline = lt.Pipeline(lt.ModelFamily("toy", (black,), defaults=defaults))
    with pytest.raises(lt.ValidationError) as refused:
        pipeline.generate(lt.GenerationRequest("fog"))
    assert refused.value.path == f"sampling.{name}"
    assert "required" in refused.value.problem


class FewSteps:
    """Refuses in its check what its options class allows."""

    def check(self, options: Options) -> None:
        if options.num_inference_steps > 4:
            raise lt.ValidationError("options.num_inference_steps", "at most 4 here")

    def __call__(self) -> None:
        raise AssertionError("refused requests run nothing")


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"sampling": lt.Sampling(num_inference_steps=9)}, "sampling.num_inference_steps"),
        (
            {"stage_overrides": {"denoise": {"num_inference_steps": 9}}},
            "stage_overrides.denoise.num_inference_steps",
        ),
    ],
)
def test_what_a_stage_refuses_is_named_as_it_was_asked(asked: dict[str, Any], path: str) -> None:
    pipeline = pipeline_of(lt.StageSpec("denoise", FewSteps, options=Options), black)
    with pytest.raises(lt.ValidationError) as refused:
        pipeline.generate(lt.GenerationRequest("fog", **asked))
    assert refused.value.path == path


def test_sampling_is_not_blamed_for_a_stage_that_does_not_follow_it() -> None:
    own = {"num_inference_steps": 9}
    spec = lt.StageSpec("again", FewSteps, options=Options, follows_sampling=False, defaults=own)
    follower = lt.StageSpec("denoise", stage, options=WithSeed)
    request = lt.GenerationRequest("fog", sampling=lt.Sampling(num_inference_steps=2))
    with pytest.raises(lt.ValidationError) as refused:
        pipeline_of(follower, spec).generate(request)
    assert refused.value.path == "stage_overrides.again.num_inference_steps"


@pytest.mark.parametrize(("count", "expected"), [(0, 10), *((n, 2 + n) for n in range(2, 7))])
def test_the_defaults_of_a_spec_stand_below_every_other_layer(count: int, expected: int) -> None:
    declared: dict[str, Any] = {}
    asked: dict[str, Any] = {}
    for _, of_family, of_request in LAYERS[:count]:
        declared.update(of_family)
        asked.update(of_request)
    spec = DENOISE.evolve(defaults={"num_inference_steps": 10})
    made = family(**declared).evolve(stages=(spec, UPSAMPLE, black))
    assert steps(used(made, **asked)) == expected


def test_the_default_of_a_spec_may_be_a_reference(constants: ModuleType) -> None:
    vars(constants).update(STEPS=8)
    defaults = {"num_inference_steps": lt.Reference("fog_constants:STEPS")}
    made = pipeline_of(DENOISE.evolve(defaults=defaults)).generate(lt.GenerationRequest("fog"))
    assert made.options["denoise"] == Options(num_inference_steps=8)


def test_the_toy_preset_reaches_its_stage() -> None:
    result = lt.Pipeline(FOG, preset=FOG.preset("thick")).generate(lt.GenerationRequest("fog"))
    options = result.options["denoise"]
    assert (options.num_inference_steps, options.blur) == (7, 0.25)
    assert result.frames.shape[1] == 8


def test_check_refuses_without_running_anything() -> None:
    pipeline = lt.Pipeline(family())
    with pytest.raises(lt.ValidationError, match="denoize"):
        pipeline.check(lt.GenerationRequest("fog", stage_overrides={"denoize": {}}))
    pipeline.check(lt.GenerationRequest("fog"))


def test_a_clip_is_refused_where_the_family_makes_nothing_of_one() -> None:
    inputs = lt.Inputs(source=lt.SourceInput(b"a video"))
    with pytest.raises(lt.ValidationError, match=r"^inputs\.source: family 'toy'"):
        used(family(), inputs=inputs)
    assert used(family(fit_clip="fog:fit"), inputs=inputs)
