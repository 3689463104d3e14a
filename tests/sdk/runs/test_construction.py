"""Stages are built from components and arguments, by the names of their parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen

import longtake as lt
from longtake.runs.construction import unbuilt
from tests.sdk.toy_family import DEFAULTS, black, pipeline_of


class Network:
    pass


class Owner:
    def __init__(self, network: Network, scale: int, *, shift: float = 0.25) -> None:
        self.owned = (network, scale, shift)

    def __call__(self) -> Owned:
        return Owned(self.owned)


@frozen
class Owned:
    by: tuple[Any, ...]


class KeepOwned:
    """A last stage that keeps what the one before it was built with."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def __call__(self, owned: Owned) -> None:
        self.seen.append(owned.by)


def test_constructors_get_components_and_arguments_by_name() -> None:
    network, keep = Network(), KeepOwned()
    family = lt.ModelFamily(
        "owner",
        (lt.StageSpec("own", Owner, arguments={"scale": 3}), keep, black),
        defaults=DEFAULTS,
    )
    components = {"network": network, "unused": object()}
    lt.Pipeline(family, model=lt.LoadedModel(components)).generate(lt.GenerationRequest("fog"))
    assert keep.seen == [(network, 3, 0.25)]


def test_an_argument_wins_over_a_component() -> None:
    keep = KeepOwned()
    spec = lt.StageSpec("own", Owner, arguments={"scale": 3, "network": "mine"})
    family = lt.ModelFamily("owner", (spec, keep, black), defaults=DEFAULTS)
    model = lt.LoadedModel({"network": Network()})
    lt.Pipeline(family, model=model).generate(lt.GenerationRequest("fog"))
    assert keep.seen == [("mine", 3, 0.25)]


def test_a_component_that_the_model_lacks_is_named() -> None:
    family = lt.ModelFamily("owner", (Owner, black), defaults=DEFAULTS)
    pipeline = lt.Pipeline(family, model=lt.LoadedModel({"scale": 1, "vae": 2}))
    with pytest.raises(lt.WiringError) as refused:
        pipeline.prepare()
    for word in ("'owner'", "Owner", "'network'", "scale, vae"):
        assert word in str(refused.value)


@frozen
class Decoder:
    network: Network | None = None
    tiling: int = 0

    def __call__(self) -> Owned:
        return Owned((self.network, self.tiling))


def owned_by(spec: lt.StageSpec | Callable[..., Any], **components: Any) -> tuple[Any, ...]:
    """What the stage of ``spec`` was built with, in a model of these components."""
    keep = KeepOwned()
    family = lt.ModelFamily("owner", (spec, keep, black), defaults=DEFAULTS)
    lt.Pipeline(family, model=lt.LoadedModel(components)).generate(lt.GenerationRequest("fog"))
    (owned,) = keep.seen
    return owned


def test_a_component_wins_over_the_constructors_default() -> None:
    network = Network()
    assert owned_by(Decoder) == (None, 0)
    assert owned_by(Decoder, network=network) == (network, 0)


class TakesAnything:
    def __init__(self, network: Network, **anything: Any) -> None:
        self.owned = (network, anything)

    def __call__(self) -> Owned:
        return Owned(self.owned)


def test_any_keyword_takes_arguments_but_no_components() -> None:
    network = Network()
    spec = lt.StageSpec("own", TakesAnything, arguments={"scale": 3})
    assert owned_by(spec, network=network, vae=Network()) == (network, {"scale": 3})


def test_a_stage_may_be_named_by_a_reference() -> None:
    spec = lt.StageSpec("decode", f"{__name__}:Decoder", arguments={"tiling": 2})
    assert owned_by(spec) == (None, 2)


def test_a_reference_to_no_stage_is_refused_by_its_name() -> None:
    with pytest.raises(lt.PluginError, match=r"no\.such\.module:Decoder"):
        pipeline_of("no.such.module:Decoder").prepare()


@pytest.mark.parametrize(
    ("stage", "arguments", "words"),
    [
        (Network(), {}, ["'culprit'", "not callable"]),
        (black, {"x": 1}, ["'culprit'", "takes no arguments"]),
        (Decoder(), {"x": 1}, ["'culprit'", "takes no arguments"]),
        (Decoder, {"x": 1}, ["'culprit'", "Decoder", "'x'"]),
        (Owner, {}, ["'culprit'", "Owner", "'network'", "components: none"]),
    ],
    ids=["not callable", "function", "instance", "unknown argument", "no components"],
)
def test_a_stage_that_cannot_be_built_is_refused(
    stage: Any, arguments: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(lt.WiringError) as refused:
        pipeline_of(lt.StageSpec("culprit", stage, arguments=arguments)).prepare()
    for word in words:
        assert word in str(refused.value)


class Damaged:
    def __init__(self) -> None:
        raise lt.CheckpointError("vae/config.json", "is missing")

    def __call__(self) -> None:
        pass


def test_an_error_of_longtake_passes_through_with_the_stages_name_as_a_note() -> None:
    with pytest.raises(lt.CheckpointError) as failed:
        pipeline_of(lt.StageSpec("decode", Damaged)).prepare()
    assert failed.value.path == "vae/config.json"
    assert failed.value.__notes__ == ["while building stage 'decode'"]


class Broken:
    def __init__(self) -> None:
        raise OSError("no weights")

    def __call__(self) -> None:
        pass


def test_a_constructor_that_raises_is_reported_with_the_stages_name() -> None:
    with pytest.raises(lt.StageError, match=r"'broken'.*no weights") as failed:
        pipeline_of(Broken).prepare()
    assert failed.value.stage == "broken"
    assert isinstance(failed.value.__cause__, OSError)


class Abstract(ABC):
    @abstractmethod
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("stage", "arguments", "words"),
    [
        (Network(), {}, ["'culprit'", "not callable"]),
        (black, {"x": 1}, ["'culprit'", "takes no arguments"]),
        (Decoder, {"x": 1}, ["'culprit'", "Decoder", "'x'"]),
        (Network, {}, ["'culprit'", "Network", "has no __call__"]),
        (Abstract, {}, ["'culprit'", "Abstract", "is abstract"]),
    ],
    ids=["not callable", "function", "unknown argument", "no call", "abstract"],
)
def test_what_can_never_be_built_is_refused_without_building(
    stage: Any, arguments: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(lt.WiringError) as refused:
        unbuilt(lt.StageSpec("culprit", stage, arguments=arguments))
    for word in words:
        assert word in str(refused.value)


def test_what_needs_networks_is_not_built_for_its_annotations() -> None:
    assert unbuilt(lt.StageSpec("own", Owner, arguments={"scale": 3})) is not None
    assert unbuilt(lt.StageSpec("own", TakesAnything, arguments={"scale": 3})) is not None
    assert unbuilt(lt.StageSpec("broken", Broken)) is not None
    assert unbuilt(lt.StageSpec("black", black)) is black
