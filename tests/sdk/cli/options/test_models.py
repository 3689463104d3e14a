"""Which family rolls a take when nobody names one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import frozen

import longtake as lt
from longtake.cli.options.models import ModelChoice, choose_family
from longtake.plugins.loading import Plugin


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
