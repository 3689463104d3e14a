"""The garbage collector rests while libraries are imported, and works again afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from attrs import field, frozen

import longtake as lt
from longtake.cli.collector import collector_paused, objects_frozen
from longtake.cli.options.models import ModelChoice, open_pipeline
from longtake.plugins.loading import Plugin
from tests.sdk.cli.toy_family import FOG


class Loop:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Enabled, with nothing frozen, as in a new process; afterwards as before."""
    was_enabled, had_frozen = gc.isenabled(), gc.get_freeze_count() > 0
    gc.unfreeze()
    gc.enable()
    yield
    gc.unfreeze()
    if had_frozen:
        gc.collect()
        gc.freeze()
    if not was_enabled:
        gc.disable()


def test_no_garbage_is_looked_for_within_the_block_and_again_after_it() -> None:
    with collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_an_error() -> None:
    with pytest.raises(ValueError, match="x"), collector_paused():
        raise ValueError("x")
    assert gc.isenabled()


def test_a_collector_that_the_caller_disabled_stays_disabled() -> None:
    gc.disable()
    with collector_paused(), collector_paused():
        pass
    assert not gc.isenabled()


def test_garbage_made_before_waits_for_the_block_and_garbage_made_in_it_does_not() -> None:
    before = Loop()
    gone_later = weakref.ref(before)
    with objects_frozen():
        del before
        inside = Loop()
        gone_now = weakref.ref(inside)
        del inside
        gc.collect()
        assert gone_now() is None
        assert gone_later() is not None
    gc.collect()
    assert gone_later() is None


def test_nothing_stays_frozen_after_an_error() -> None:
    with pytest.raises(ValueError, match="x"), objects_frozen():
        raise ValueError("x")
    assert gc.get_freeze_count() == 0


def test_what_the_process_itself_froze_stays_frozen() -> None:
    loop = Loop()
    frozen_by_it = weakref.ref(loop)
    gc.freeze()
    del loop
    with objects_frozen():
        gc.collect()
        assert frozen_by_it() is not None
    gc.collect()
    assert frozen_by_it() is not None
    gc.unfreeze()
    gc.collect()
    assert frozen_by_it() is None


@frozen
class Watched:
    """What a family saw of the collector: whether it was enabled, example first."""

    enabled: list[bool] = field(factory=list)
    damaged: bool = False

    def example(self, folder: Path) -> Path:
        self.enabled.append(gc.isenabled())
        return folder

    def load(self, source: lt.ModelSource) -> lt.LoadedModel:
        self.enabled.append(gc.isenabled())
        if self.damaged:
            raise lt.CheckpointError("here", "is damaged")
        return lt.LoadedModel()


@contextmanager
def opened(watched: Watched) -> Iterator[None]:
    family = FOG.evolve(load=watched.load, recognise=None, example=watched.example)
    registry = lt.Registry([Plugin("main", "longtake-x", "1", "loaded", families=(family,))])
    with open_pipeline(registry, family, ModelChoice()):
        yield


def test_it_rests_while_a_model_is_opened_and_works_while_it_is_used() -> None:
    watched = Watched()
    with opened(watched):
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert watched.enabled == [False, False]
    assert gc.get_freeze_count() == 0


def test_a_model_that_cannot_be_opened_leaves_the_collector_as_it_was() -> None:
    with pytest.raises(lt.CheckpointError), opened(Watched(damaged=True)):
        pass
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_process_that_computes_for_another_one_collects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    watched = Watched()
    with pytest.raises(click.UsageError, match="one process, not in 2"), opened(watched):
        pass
    assert watched.enabled == [True, True]
