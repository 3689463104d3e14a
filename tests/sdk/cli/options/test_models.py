"""Which family rolls a take when nobody names one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import frozen

import longtake as lt
from longtake.cli.options.models import ModelChoice, choose_family, open_pipeline
from longtake.cli.terminal.narration import Narration
from longtake.cli.terminal.remaining import Costs
from longtake.plugins.loading import Plugin
from tests.sdk.cli.toy_family import FOG, write_example


@frozen(kw_only=True)
class Somewhere(lt.TakeState):
    """A state like any other."""


def load(source: lt.ModelSource) -> lt.LoadedModel:
    raise NotImplementedError


def example(folder: Path) -> Path:
    raise NotImplementedError


def family(name: str, **declared: Any) -> lt.ModelFamily:
    codec = lt.AttrsCodec(f"{name}.v1", Somewhere)
    return lt.ModelFamily(name, ("nowhere:Draw",), codecs=(codec,), **declared)


HEAVY = family("heavy", load=load)
TRIED = family("tried", load=load, example=example)
OTHER = family("other", load=load, example=example)
LIGHT = family("light")
AIRY = family("airy")


def chosen(*families: lt.ModelFamily, kind: str | None = None) -> str:
    registry = lt.Registry([Plugin("main", "longtake-x", "1", "loaded", families=families)])
    state = None if kind is None else lt.ContinuationState(kind, {})
    return choose_family(registry, ModelChoice(), state).name


def test_the_one_with_an_example() -> None:
    assert chosen(HEAVY, TRIED, LIGHT, AIRY) == "tried"


def test_else_the_one_without_weights() -> None:
    assert chosen(HEAVY, LIGHT) == "light"


@pytest.mark.parametrize("reader", ["tried", "other", "light", "airy"])
def test_before_all_the_one_that_reads_the_state(reader: str) -> None:
    assert chosen(TRIED, OTHER, LIGHT, AIRY, kind=f"{reader}.v1") == reader


def test_a_state_that_none_of_them_reads_changes_nothing() -> None:
    assert chosen(HEAVY, TRIED, LIGHT, kind="heavy.v1") == "tried"


@pytest.mark.parametrize(
    ("refused", "problem"),
    [
        (lambda: chosen(TRIED, OTHER, LIGHT), "several families have an example.*other, tried"),
        (lambda: chosen(HEAVY, LIGHT, AIRY), "several families need no weights.*airy, light"),
        (lambda: chosen(HEAVY), "without a checkpoint: give --model DIR; families: heavy"),
        (lambda: chosen(), "no plugin provides a family; install one"),
    ],
)
def test_else_somebody_has_to_say(refused: Callable[[], str], problem: str) -> None:
    with pytest.raises(click.UsageError, match=problem):
        refused()


class Rolling:
    """A voice that is told everything; it asks what the stages cost."""

    is_followed = True

    def tell(self, event: object) -> None:
        """Nothing to note."""

    def busy(self, what: str) -> None:
        """Nothing to note."""

    def close(self) -> None:
        """Nothing to close."""


def estimate(request: lt.EstimateRequest) -> lt.RunEstimate:
    ESTIMATED.append(request)
    stages = [
        lt.StageEstimate(name=spec.name, passes=(lt.PassEstimate("pass", 7),), steps=index + 1)
        for index, spec in enumerate(request.recipe)
    ]
    return lt.RunEstimate([lt.SegmentEstimate(stages)] * request.segments)


ESTIMATED: list[lt.EstimateRequest] = []


def costs_of(family: lt.ModelFamily, monkeypatch: pytest.MonkeyPatch, segments: int) -> list[Costs]:
    """What the stages cost as the narration is told."""
    told: list[Costs] = []

    def opened(self: Narration, model: Path | None, costs: Any) -> None:
        told.append(costs(first))

    monkeypatch.setattr(Narration, "opened", opened)
    registry = lt.Registry([Plugin("main", "longtake-x", "1", "loaded", families=(family,))])
    request = lt.GenerationRequest("a", output=lt.Output(return_state=True))
    with lt.Pipeline(family) as pipeline:
        first = pipeline.check(request)
        if segments > 1:
            after = pipeline.generate(first).live_state
            first = pipeline.check(request, after=after)
    with open_pipeline(registry, family, ModelChoice(), narration=Narration(Rolling())):
        pass
    return told


@pytest.mark.parametrize(("segments", "expected"), [(1, [[7.0], [7.0]]), (2, [[7.0]])])
def test_the_narration_can_ask_what_the_stages_cost(
    monkeypatch: pytest.MonkeyPatch, segments: int, expected: Costs
) -> None:
    family = FOG.evolve(load=None, recognise=None, example=None, estimate=estimate)
    assert costs_of(family, monkeypatch, segments) == [expected]
    assert ESTIMATED[-1].segments == 2
    assert ESTIMATED[-1].stage_options["draw"].num_inference_steps == 2


def test_a_family_that_does_not_estimate_has_no_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    family = FOG.evolve(load=None, recognise=None, example=None)
    assert costs_of(family, monkeypatch, 1) == [()]


@pytest.mark.parametrize(
    ("model", "preset", "made", "note"),
    [
        (None, None, "bank", "the small example of"),
        (None, "thin", "thin", "the small example of"),
        (Path("tiny:random"), None, "thin", "random weights"),
    ],
)
def test_without_a_checkpoint_an_extensions_example_comes_with_its_preset(
    model: Path | None,
    preset: str | None,
    made: str,
    note: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    extension = lt.Extension(
        "fog", presets=(lt.Preset("bank", base="thin"),), example=write_example
    )
    plugins = [
        Plugin("main", "longtake-x", "1", "loaded", families=(FOG,)),
        Plugin("bank", "longtake-bank", "1", "loaded", extensions=(extension,)),
    ]
    registry = lt.Registry(plugins)
    choice = ModelChoice(model)
    assert choice.checkpoint is None
    with open_pipeline(registry, choose_family(registry, choice), choice, preset) as pipeline:
        assert pipeline.preset.name == made
    assert note in capsys.readouterr().err
