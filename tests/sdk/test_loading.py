"""From a path to a pipeline: the family, its preset, its options and its networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

import longtake as lt
from longtake.plugins.loading import Plugin
from tests.sdk.marked_family import MARK, MARKED, write_checkpoint
from tests.sdk.marked_family import pipeline_of as marked_pipeline
from tests.sdk.toy_family import DEFAULTS, FOG, black

REQUEST = lt.GenerationRequest("fog")


def test_a_family_without_weights_has_none_to_load(tmp_path: Path) -> None:
    with pytest.raises(lt.ValidationError, match=r"path: family 'fog' has no weights"):
        lt.load(tmp_path, family=FOG)


@attrs.frozen(kw_only=True)
class LoadOptions:
    numerics: str = "official"


def loaded(source: lt.ModelSource) -> lt.LoadedModel:
    return lt.LoadedModel({"source": source}, device=source.device or "cpu")


class KeepSource:
    def __init__(self, source: lt.ModelSource) -> None:
        self.source = source

    def __call__(self, run: lt.Run) -> None:
        SOURCES.append((self.source, run.device))


SOURCES: list[tuple[lt.ModelSource, str]] = []


def recognise(path: Path) -> lt.Recognition | None:
    return lt.Recognition("small") if path.name == "small" else None


FAMILY = lt.ModelFamily(
    "owner",
    (KeepSource, black),
    presets=(lt.Preset("large"), lt.Preset("small", defaults={"height": 2})),
    defaults=DEFAULTS,
    load=loaded,
    recognise=recognise,
    options=LoadOptions,
)


def test_load_hands_the_family_what_it_was_given(tmp_path: Path) -> None:
    SOURCES.clear()
    pipeline = lt.load(
        tmp_path, family=FAMILY, device="cuda:1", dtype="torch.bfloat16", numerics="diffusers"
    )
    assert pipeline.preset.name == "large"
    pipeline.generate(REQUEST)
    source = lt.ModelSource(
        path=tmp_path,
        device="cuda:1",
        dtype="bfloat16",
        options=LoadOptions(numerics="diffusers"),
        recipe=FAMILY.stages,
    )
    (seen,) = SOURCES
    assert seen == (source, "cuda:1")


@pytest.mark.parametrize(("asked", "got"), [(None, "small"), ("large", "large")])
def test_a_checkpoint_has_a_preset_of_its_own(tmp_path: Path, asked: str | None, got: str) -> None:
    assert lt.load(tmp_path / "small", family=FAMILY, preset=asked).preset.name == got


@pytest.mark.parametrize(
    ("options", "path"), [({"numeric": 1}, "numeric"), ({"numerics": 1}, "numerics")]
)
def test_load_refuses_options_that_the_family_does_not_have(
    tmp_path: Path, options: dict[str, Any], path: str
) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.load(tmp_path, family=FAMILY, **options)
    assert refused.value.path == path


def test_a_path_is_an_option_like_its_text(tmp_path: Path) -> None:
    lt.load(tmp_path, family=FAMILY, numerics=Path("diffusers"))
    assert SOURCES[-1][0].options == LoadOptions(numerics="diffusers")


def test_load_refuses_options_of_a_family_without_any() -> None:
    with pytest.raises(lt.ValidationError, match="numerics: family 'fog' has no such option"):
        lt.load(family=FOG, numerics="diffusers")


def test_load_needs_a_path_or_a_family() -> None:
    with pytest.raises(lt.ValidationError, match="name a family"):
        lt.load(registry=lt.Registry([]))


def test_load_knows_no_unknown_preset(tmp_path: Path) -> None:
    with pytest.raises(lt.UnknownNameError, match=r"'medium'.*large@1, small@1"):
        lt.load(tmp_path, family=FAMILY, preset="medium")


def test_components_are_looked_up_when_the_pipeline_is_prepared(tmp_path: Path) -> None:
    SOURCES.clear()
    broken = FAMILY.evolve(load=lambda source: lt.LoadedModel())
    pipeline = lt.load(tmp_path, family=broken, prepare=False)
    pipeline.check(REQUEST)
    with pytest.raises(lt.WiringError, match="'source'"):
        pipeline.prepare()


def registry_of(*families: lt.ModelFamily, **provided: Any) -> lt.Registry:
    return lt.Registry([Plugin("main", "toys", "1.0", "loaded", None, families, **provided)])


def test_a_family_is_found_by_its_name() -> None:
    registry = registry_of(FAMILY, FOG)
    assert lt.load(family="fog", registry=registry).family is FOG
    with pytest.raises(lt.UnknownNameError, match=r"mean 'fog'\?\); known: fog, owner"):
        lt.load(family="fig", registry=registry)


def test_a_path_alone_finds_the_family_and_the_preset_of_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    pipeline = lt.load(tmp_path / "small", registry=registry_of(FAMILY, FOG))
    assert (pipeline.family, pipeline.preset.name) == (FAMILY, "small")
    with pytest.raises(lt.CheckpointError, match="no family recognises it"):
        lt.load(tmp_path, registry=registry_of(FAMILY, FOG))


def test_observers_of_all_plugins_watch_what_is_loaded() -> None:
    told: list[lt.RunEvent] = []
    registry = registry_of(FOG, observers=(told.append,))
    lt.load(family="fog", registry=registry).generate(REQUEST)
    assert [type(event) for event in (told[0], told[-1])] == [lt.RunStarted, lt.RunEnded]


def test_load_prepares_the_networks_unless_told_not_to(tmp_path: Path) -> None:
    broken = FAMILY.evolve(load=lambda source: lt.LoadedModel())
    with pytest.raises(lt.WiringError, match="'source'"):
        lt.load(tmp_path, family=broken)


def test_what_is_not_said_is_the_familys_choice(tmp_path: Path) -> None:
    SOURCES.clear()
    lt.load(str(tmp_path), family=FAMILY).generate(REQUEST)
    source = lt.ModelSource(path=tmp_path, options=LoadOptions(), recipe=FAMILY.stages)
    assert [(source, "cpu")] == SOURCES


def test_a_family_without_weights_runs_where_it_is_told() -> None:
    devices: list[str] = []

    def note_device(run: lt.Run) -> None:
        devices.append(run.device)

    family = lt.ModelFamily("light", (note_device, black), defaults=DEFAULTS)
    lt.load(family=family, device="cuda:1").generate(REQUEST)
    assert devices == ["cuda:1"]


def test_callables_of_a_family_may_be_references(tmp_path: Path) -> None:
    named = FAMILY.evolve(
        load=f"{__name__}:loaded",
        recognise=f"{__name__}:recognise",
        options=f"{__name__}:LoadOptions",
    )
    pipeline = lt.load(tmp_path / "small", family=named, numerics="diffusers")
    assert pipeline.preset.name == "small"


@attrs.frozen(kw_only=True)
class RefineOverrides:
    enabled: bool = True


def recipe(*, refine: RefineOverrides) -> list[Any]:
    return [KeepSource, black] if refine.enabled else [black]


def refuse_to_load(source: lt.ModelSource) -> lt.LoadedModel:
    raise AssertionError("no weight is looked at")


BUILT = FAMILY.evolve(
    presets=(lt.Preset("built", stages=recipe, overrides={"refine": RefineOverrides}),)
)


@pytest.mark.parametrize("refine", [{"enabled": False}, RefineOverrides(enabled=False)])
def test_load_builds_the_preset_as_it_is_told(tmp_path: Path, refine: object) -> None:
    pipeline = lt.load(tmp_path, family=BUILT, preset_overrides={"refine": refine})
    assert [spec.name for spec in pipeline.recipe] == ["black"]
    assert [spec.name for spec in lt.load(tmp_path, family=BUILT).recipe] == [
        "keep_source",
        "black",
    ]


def test_bad_preset_overrides_are_refused_before_any_weight_is_looked_at(tmp_path: Path) -> None:
    family = BUILT.evolve(load=refuse_to_load)
    with pytest.raises(lt.ValidationError) as refused:
        lt.load(tmp_path, family=family, preset_overrides={"refine": {"nope": True}})
    assert refused.value.path == "preset_overrides.refine.nope"


def test_load_tells_the_family_which_of_several_processes_this_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    SOURCES.clear()
    lt.load(tmp_path, family=FAMILY).generate(REQUEST)
    ((source, _),) = SOURCES
    assert (source.rank, source.world_size) == (2, 3)


def test_a_fingerprint_is_made_once_and_only_when_it_is_needed() -> None:
    asked: list[str] = []

    def told() -> str:
        asked.append("")
        return "red"

    pipeline = marked_pipeline(told)
    assert pipeline.check(REQUEST).job.segment_index == 0
    assert asked == []
    pipeline.generate(REQUEST)
    assert [pipeline.model_fingerprint, pipeline.model_fingerprint] == ["red", "red"]
    assert len(asked) == 1
    assert marked_pipeline("blue").model_fingerprint == "blue"
    assert lt.Pipeline(FOG).model_fingerprint is None
    pipeline.close()
    with pytest.raises(lt.PipelineClosedError):
        assert pipeline.model_fingerprint


def test_weights_and_fingerprint_are_of_the_same_files(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "red")
    with lt.load(folder, family=MARKED) as pipeline:
        (folder / MARK).write_text("blue")
        assert pipeline.model_fingerprint == "red"


def test_whoever_asks_is_told_of_what_is_loaded(tmp_path: Path) -> None:
    def load(source: lt.ModelSource) -> lt.LoadedModel:
        watched.append(source.is_watched)
        source.progress(lt.LoadProgress("sieve", 3, 9))
        return lt.LoadedModel()

    def look(run: lt.Run) -> lt.Frames:
        raise NotImplementedError

    watched: list[bool] = []
    told: list[lt.LoadProgress] = []
    family = lt.ModelFamily("sand", (look,), load=load)
    lt.load(tmp_path, family=family)
    lt.load(tmp_path, family=family, progress=told.append)
    assert watched == [False, True]
    assert told == [lt.LoadProgress("sieve", 3, 9, ready=False)]


@pytest.mark.parametrize(
    ("option", "meant"), [("torch_dtype", "dtype"), ("device_map", "device"), ("presett", "preset")]
)
def test_what_an_unknown_keyword_may_have_meant_is_said(option: str, meant: str) -> None:
    with pytest.raises(lt.ValidationError, match=f"did you mean '{meant}'") as refused:
        lt.load(family=FOG, **{option: "x"})  # type: ignore[arg-type]
    assert refused.value.path == option


def test_a_family_that_loads_no_model_is_blamed() -> None:
    with pytest.raises(lt.PluginError, match="'fog': its load returned a NoneType, no LoadedModel"):
        lt.load(family=FOG.evolve(load="tests.sdk.test_loading:load_nothing"))


def load_nothing(source: lt.ModelSource) -> None:
    """Of a family that forgot to return its model."""


DERIVED = FAMILY.evolve(name="mine", presets=(lt.Preset("own"), lt.Preset("other")))


def test_a_derived_family_is_one_of_two_until_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    registry = registry_of(FAMILY, DERIVED)
    with pytest.raises(lt.CheckpointError, match=r"family='mine' .*or family='owner' \(--family"):
        lt.load(tmp_path / "small", registry=registry)
    for named in ("mine", DERIVED):
        pipeline = lt.load(tmp_path / "small", family=named, registry=registry)
        assert (pipeline.family.name, pipeline.preset.name) == ("mine", "own")
    pipeline = lt.load(tmp_path / "small", family="owner", registry=registry)
    assert (pipeline.family.name, pipeline.preset.name) == ("owner", "small")
    pipeline = lt.load(tmp_path / "small", family="mine", preset="other", registry=registry)
    assert pipeline.preset.name == "other"
