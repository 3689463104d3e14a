"""Stages find each other by type; a recipe that does not fit is refused when it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve, frozen

import longtake as lt
from longtake.runs.plans import Plans
from longtake.runs.wiring import Plan
from tests.sdk.toy_family import FogCodec, FogState, pipeline_of


@frozen
class Noisy:
    history: tuple[str, ...]


@frozen
class Clean:
    history: tuple[str, ...]


@frozen
class Size:
    height: int


@frozen(kw_only=True)
class Options:
    strength: float = 0.5


@frozen(kw_only=True)
class OtherOptions:
    scale: int = 2


class Keep:
    """A last stage that keeps what it was given."""

    def __init__(self) -> None:
        self.seen: list[Any] = []


class KeepClean(Keep):
    def __call__(self, clean: Clean) -> None:
        self.seen.append(clean)


class KeepOptional(Keep):
    def __call__(self, clean: Clean | None, size: Size | None) -> None:
        self.seen.append((clean, size))


class KeepOptions(Keep):
    def __call__(self, options: Options, others: OtherOptions) -> None:
        self.seen.append((options, others))


def noise(run: lt.Run) -> Noisy:
    return Noisy((run.stage,))


def denoise(noisy: Noisy, run: lt.Run) -> Clean:
    return Clean((*noisy.history, run.stage))


def upsample(clean: Clean, run: lt.Run) -> Noisy:
    return Noisy((*clean.history, run.stage))


def noise_and_size() -> tuple[Noisy, Size]:
    return Noisy(("both",)), Size(16)


def read_size(noisy: Noisy, size: Size) -> Clean:
    return Clean((*noisy.history, str(size.height)))


def only_one() -> tuple[Noisy]:
    return (Noisy(("one",)),)


def use_options(options: Options) -> Clean:
    return Clean((str(options.strength),))


def use_others(others: OtherOptions) -> None:
    pass


def generate(pipeline: lt.Pipeline, **overrides: dict[str, Any]) -> lt.GenerationResult:
    return pipeline.generate(lt.GenerationRequest("fog", stage_overrides=overrides))


def test_the_newest_value_of_a_type_wins() -> None:
    keep = KeepClean()
    recipe = (
        lt.StageSpec("noise", noise),
        lt.StageSpec("first", denoise),
        lt.StageSpec("upsample", upsample),
        lt.StageSpec("second", denoise),
    )
    generate(pipeline_of(*recipe, keep))
    assert keep.seen == [Clean(("noise", "first", "upsample", "second"))]


def test_each_element_of_a_tuple_is_a_value() -> None:
    keep = KeepClean()
    generate(pipeline_of(noise_and_size, read_size, keep))
    assert keep.seen == [Clean(("both", "16"))]


def test_a_tuple_of_one_is_a_tuple() -> None:
    keep = KeepClean()
    generate(pipeline_of(only_one, denoise, keep))
    assert keep.seen == [Clean(("one", "denoise"))]


def test_an_optional_value_is_none_until_somebody_makes_it() -> None:
    before, after = KeepOptional(), KeepOptional()
    generate(
        pipeline_of(lt.StageSpec("before", before), noise, denoise, lt.StageSpec("after", after))
    )
    assert before.seen == [(None, None)]
    assert after.seen == [(Clean(("noise", "denoise")), None)]


def test_options_come_by_annotation_also_those_of_another_stage() -> None:
    keep = KeepOptions()
    pipeline = pipeline_of(
        lt.StageSpec("mine", keep, options=Options),
        lt.StageSpec("theirs", use_others, options=OtherOptions),
    )
    generate(pipeline, mine={"strength": 0.9}, theirs={"scale": 4})
    assert keep.seen == [(Options(strength=0.9), OtherOptions(scale=4))]


def test_stages_that_share_a_name_share_their_options() -> None:
    keep = KeepClean()
    pipeline = pipeline_of(
        lt.StageSpec("refine", use_others),
        lt.StageSpec("refine", noise, options=OtherOptions),
        denoise,
        keep,
    )
    result = generate(pipeline, refine={"scale": 3})
    assert result.options == {"refine": OtherOptions(scale=3)}


@frozen(kw_only=True)
class LoopOptions:
    steps: int = 4


@frozen(kw_only=True)
class FirstOptions(LoopOptions):
    blur: float = 0.0


@frozen(kw_only=True)
class SecondOptions(LoopOptions):
    steps: int = 2


class KeepLoop(Keep):
    def __call__(self, options: LoopOptions) -> None:
        self.seen.append(options)


class KeepFirst(Keep):
    def check(self, options: FirstOptions | None) -> None:
        self.seen.append(options)

    def __call__(self, options: FirstOptions | None) -> None:
        self.seen.append(options)


def loop_spec(name: str, stage: object, options: type) -> lt.StageSpec:
    called: Any = stage
    return lt.StageSpec(name, called, options=options)


def test_a_stage_may_ask_for_a_base_class_of_its_own_options() -> None:
    first, second = KeepLoop(), KeepLoop()
    pipeline = pipeline_of(
        loop_spec("denoise", first, FirstOptions), loop_spec("refine", second, SecondOptions)
    )
    generate(pipeline, denoise={"blur": 0.5}, refine={"steps": 3})
    assert first.seen == [FirstOptions(blur=0.5)]
    assert second.seen == [SecondOptions(steps=3)]


def test_a_base_class_of_another_stages_options_is_not_asked_for() -> None:
    class KeepMaybeLoop(Keep):
        def __call__(self, options: LoopOptions | None) -> None:
            self.seen.append(options)

    keep = KeepMaybeLoop()
    maker = loop_spec("denoise", KeepLoop(), FirstOptions)
    generate(pipeline_of(lt.StageSpec("bare", keep), maker))
    assert keep.seen == [None]
    other = loop_spec("other", keep, OtherOptions)
    generate(pipeline_of(other, maker))
    assert keep.seen == [None, None]


def test_a_stage_with_options_may_ask_for_those_of_another_by_their_class() -> None:
    keep = KeepFirst()
    maker = loop_spec("denoise", KeepLoop(), FirstOptions)
    generate(pipeline_of(maker, loop_spec("refine", keep, SecondOptions)))
    assert keep.seen == [FirstOptions(), FirstOptions()]


def test_options_that_no_stage_has_are_none_also_in_a_check() -> None:
    keep = KeepFirst()
    generate(pipeline_of(loop_spec("refine", keep, SecondOptions)))
    assert keep.seen == [None, None]


class ChecksMaybeWhatIsMadeLater:
    def check(self, size: Size | None) -> None:
        pass

    def __call__(self) -> None:
        pass


class NeedsSize:
    def __call__(self, size: Size) -> Clean:
        return Clean(())


class MakesSize:
    def __call__(self) -> Size:
        return Size(1)


class UnannotatedParameter:
    def __call__(self, size) -> Clean:  # type: ignore[no-untyped-def]
        return Clean(())


class ParameterWithDefault:
    def __call__(self, strength: float = 0.5) -> Clean:
        return Clean(())


class NoReturnAnnotation:
    def __call__(self, run: lt.Run):  # type: ignore[no-untyped-def]
        return Clean(())


class UnresolvableAnnotation:
    def __call__(self, size: Siez) -> Clean:  # type: ignore[name-defined]  # noqa: F821
        return Clean(())


class TwoClassesForOneParameter:
    def __call__(self, value: Clean | Size) -> None:
        pass


class AnythingForOneParameter:
    def __call__(self, value: Any) -> None:
        pass


class ReturnsSomething:
    def __call__(self) -> Any:
        return 1


class ReturnsMaybe:
    def __call__(self) -> Clean | None:
        return None


class ReturnsAnyNumber:
    def __call__(self) -> tuple[Clean, ...]:
        return ()


class ReturnsTheSameTwice:
    def __call__(self) -> tuple[Clean, Clean]:
        return Clean(()), Clean(())


class ChecksWhatIsMadeLater:
    def check(self, size: Size) -> None:
        pass

    def __call__(self) -> None:
        pass


class ChecksWithTheRun:
    def check(self, run: lt.Run) -> None:
        pass

    def __call__(self) -> None:
        pass


class NeedsTheState:
    def __call__(self, state: FogState) -> None:
        pass


class AsksForTheRestoredState:
    def __call__(self, state: FogState | None) -> None:
        pass


def remember(state: FogState | None) -> FogState:
    return FogState(0 if state is None else state.segment_index + 1, 5, 4, 6, 9, 1)


class KeepState(Keep):
    def __call__(self, state: FogState | None) -> None:
        self.seen.append(state)


class KeepNewState(Keep):
    def __call__(self, state: FogState) -> None:
        self.seen.append(state)


def test_the_restored_state_is_before_the_stage_that_makes_the_new_one() -> None:
    restored, new = KeepState(), KeepNewState()
    pipeline = pipeline_of(
        lt.StageSpec("before", restored),
        remember,
        lt.StageSpec("after", new),
        codecs=(FogCodec(),),
    )
    request = lt.GenerationRequest("fog", output=lt.Output(return_state=True))
    first = pipeline.generate(request).state
    pipeline.generate(evolve(request, state=first))
    first_state, second_state = (remember(None), remember(remember(None)))
    assert restored.seen == [None, first_state]
    assert new.seen == [first_state, second_state]


def spec(stage: object, **keywords: Any) -> lt.StageSpec:
    called: Any = stage
    return lt.StageSpec("culprit", called, **keywords)


BAD_RECIPES: dict[str, tuple[tuple[Any, ...], list[str]]] = {
    "nobody makes it": ((spec(NeedsSize),), ["'culprit'", "Size", "no stage here makes it"]),
    "what there is instead": ((noise, spec(NeedsSize)), ["Size", "available: Noisy"]),
    "made later": (
        (spec(NeedsSize), lt.StageSpec("maker", MakesSize)),
        ["'culprit'", "Size", "made later, by maker"],
    ),
    "only in a continued take": (
        (spec(NeedsTheState),),
        ["FogState", "continued take", "'FogState | None'"],
    ),
    "restored or new": (
        (lt.StageSpec("maker", remember), spec(AsksForTheRestoredState)),
        ["'culprit'", "'maker'", "'FogState | None'", "Say 'FogState' for the new one"],
    ),
    "unannotated": ((spec(UnannotatedParameter),), ["'culprit'", "'size'", "no annotation"]),
    "default": ((spec(ParameterWithDefault),), ["'strength'", "default", "X | None"]),
    "no return": ((spec(NoReturnAnnotation),), ["'culprit'", "return annotation"]),
    "unresolvable": ((spec(UnresolvableAnnotation),), ["'culprit'", "Siez"]),
    "union": ((spec(TwoClassesForOneParameter),), ["'value'", "must be one class"]),
    "any": ((spec(AnythingForOneParameter),), ["'value'", "must be one class"]),
    "returns any": ((spec(ReturnsSomething),), ["return annotation must name classes"]),
    "returns maybe": ((spec(ReturnsMaybe),), ["return annotation must name classes"]),
    "returns many": ((spec(ReturnsAnyNumber),), ["return annotation must name classes"]),
    "returns twice": ((spec(ReturnsTheSameTwice),), ["same type twice", "Clean"]),
    "check of a later value": ((MakesSize, spec(ChecksWhatIsMadeLater)), ["check", "Size"]),
    "check of what may be made later": (
        (MakesSize, spec(ChecksMaybeWhatIsMadeLater)),
        ["check", "Size"],
    ),
    "check with the run": ((spec(ChecksWithTheRun),), ["check", "Run"]),
    "two options classes": (
        (spec(noise, options=Options), spec(denoise, options=OtherOptions)),
        ["'culprit'", "Options", "OtherOptions"],
    ),
    "whose options": (
        (
            lt.StageSpec("a", noise, options=Options),
            lt.StageSpec("b", denoise, options=Options),
            spec(use_options),
        ),
        ["'culprit'", "Options", "'a' and of 'b'"],
    ),
}


@pytest.mark.parametrize("case", BAD_RECIPES)
def test_a_recipe_that_does_not_fit_is_refused(case: str) -> None:
    stages, words = BAD_RECIPES[case]
    with pytest.raises(lt.WiringError) as refused:
        pipeline_of(*stages, codecs=(FogCodec(),)).prepare()
    for word in words:
        assert word in str(refused.value)


def returns_a_string() -> Clean:
    return "clean"  # type: ignore[return-value]


def returns_no_tuple() -> tuple[Noisy, Size]:
    return Noisy(())  # type: ignore[return-value]


def returns_one_of_two() -> tuple[Noisy, Size]:
    return (Noisy(()),)  # type: ignore[return-value]


def returns_in_spite() -> None:
    return Noisy(())  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (returns_a_string, ["str", "Clean"]),
        (returns_no_tuple, ["no tuple", "2"]),
        (returns_one_of_two, ["1 values", "2"]),
        (returns_in_spite, ["1 values", "0"]),
    ],
)
def test_a_stage_that_breaks_its_annotation_is_named(
    stage: Callable[..., Any], words: list[str]
) -> None:
    with pytest.raises(lt.WiringError) as refused:
        generate(pipeline_of(lt.StageSpec("liar", stage)))
    for word in ["'liar'", *words]:
        assert word in str(refused.value)


class NeedsNetwork:
    """A class whose constructor must not be called; its methods are of every kind."""

    def __init__(self, network: object) -> None:
        raise AssertionError("nothing is built")

    @staticmethod
    def check(job: lt.Job, size: Size | None) -> None: ...

    def __call__(self, noisy: Noisy, options: Options) -> lt.Frames: ...  # type: ignore[empty-body]


def unbuilt_plan(*stages: lt.StageSpec | Callable[..., Any]) -> Plan:
    family = lt.ModelFamily("toy", stages)
    return Plans(family, family.preset(), family.stages, None).segment()


def test_a_recipe_is_wired_by_its_classes_as_by_what_is_built_of_them() -> None:
    spec = lt.StageSpec("paint", NeedsNetwork, options=Options)
    plan = unbuilt_plan(noise, spec)
    [made, painted] = plan.stages
    assert made.makes == (Noisy,)
    assert [(p.name, p.type, p.source) for p in painted.parameters] == [
        ("noisy", Noisy, "value"),
        ("options", Options, "options"),
    ]
    assert [(p.name, p.optional) for p in painted.checks or ()] == [("job", False), ("size", True)]
    assert plan.makes(lt.Frames)
    assert made.live_after == {Noisy}


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ((NeedsNetwork,), "'needs_network' needs a Noisy, but no earlier stage makes it"),
        ((noise, denoise), "makes neither Frames nor a Waveform"),
        (
            (lt.StageSpec("a", noise, options=Options), lt.StageSpec("a", noise, options=Size)),
            "stages 'a' have two options classes, Options and Size",
        ),
        (
            (lt.StageSpec("a", noise, options=f"{__name__}:Options", defaults={"blur": 1}),),
            "stage a: defaults.blur: unknown option",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_built(
    stages: tuple[Any, ...], problem: str
) -> None:
    with pytest.raises(lt.LongtakeError, match=problem):
        unbuilt_plan(*stages)
