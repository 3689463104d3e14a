"""Options and components of extensions: in Python, through `longtake.load`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from attrs import field, frozen

import longtake as lt


@frozen(kw_only=True)
class Own:
    grey: int = 10


@frozen(kw_only=True)
class Added:
    level: int = field(default=100, validator=lt.between(0, 255))


@frozen(kw_only=True)
class Clashing:
    grey: int = 1


def paint(job: lt.Job) -> lt.Frames:
    size = (job.sampling.num_frames, job.sampling.height, job.sampling.width, 3)
    return lt.Frames(np.zeros(size, np.uint8))


class Lighten:
    """Asks for a component that only the extension has."""

    def __init__(self, lamp: int) -> None:
        self._lamp = lamp

    def __call__(self, frames: lt.Frames) -> lt.Frames:
        return lt.Frames(frames.pixels + np.uint8(self._lamp))


LOADED: list[Any] = []


def load_lamp(source: lt.ModelSource) -> int:
    LOADED.append(source.options)
    level: int = source.options.level
    return level


def load_nothing(source: lt.ModelSource) -> int:
    raise OSError("no such lamp")


SIZES = {"seed": 0, "height": 8, "width": 8, "num_frames": 1, "fps": 8}
EDIT = lt.RecipeEdit.after("paint", lt.StageSpec("lighten", Lighten))


def extension(**fields: Any) -> lt.Extension:
    given = {"options": Added, "components": {"lamp": load_lamp}, **fields}
    return lt.Extension("fog", presets=(lt.Preset("light", base="plain", edits=(EDIT,)),), **given)


def giving(items: list[Any]) -> Any:
    def hook() -> list[Any]:
        return items

    return hook


@pytest.fixture
def registry(request: pytest.FixtureRequest) -> Iterator[lt.Registry]:
    """A family, and the extensions that the test is parametrised with; one by default."""
    LOADED.clear()
    fog = lt.ModelFamily(
        "fog", (paint,), presets=(lt.Preset("plain"),), defaults=SIZES, options=Own,
        load=lambda source: lt.LoadedModel({"net": 3}),
    )  # fmt: skip
    found = {"longtake_fog_owner": ("longtake_families", [fog])}
    extensions = request.param if hasattr(request, "param") else [extension()]
    for index, each in enumerate(extensions):
        found[f"longtake_fog_plus{index}"] = ("longtake_extensions", [each])
    with pytest.MonkeyPatch.context() as patch:
        for name, (hook, items) in found.items():
            module: Any = ModuleType(name)
            setattr(module, hook, lt.hookimpl(giving(items)))
            patch.setitem(sys.modules, name, module)
        yield lt.Registry.of(*found)


def load(registry: lt.Registry, **options: Any) -> lt.Pipeline:
    return lt.load(family="fog", registry=registry, **options)


def brightness(pipeline: lt.Pipeline) -> int:
    return int(pipeline.generate("dusk").frames.max())


def test_a_stage_is_handed_the_extensions_component(registry: lt.Registry) -> None:
    with load(registry, preset="light", level=7, grey=3) as pipeline:
        assert brightness(pipeline) == 7
        assert brightness(pipeline) == 7
        with pipeline.components() as components:
            assert dict(components) == {"net": 3, "lamp": 7}
    assert [Added(level=7)] == LOADED


def test_nothing_of_an_extension_is_loaded_for_another_preset(registry: lt.Registry) -> None:
    with load(registry, preset="plain") as pipeline:
        assert brightness(pipeline) == 0
    assert LOADED == []


def test_an_option_that_nobody_would_read_is_refused(registry: lt.Registry) -> None:
    with pytest.raises(lt.ValidationError, match=r"level: is an option of .*plus0.*: light$"):
        load(registry, preset="plain", level=7)


def test_options_are_checked_with_their_path(registry: lt.Registry) -> None:
    with pytest.raises(lt.ValidationError, match="level"):
        load(registry, preset="light", level=700)
    with pytest.raises(lt.ValidationError, match=r"levle: .* \(did you mean 'level'\?\)"):
        load(registry, preset="light", levle=7)


@pytest.mark.parametrize("registry", [[extension(options=Clashing)]], indirect=True)
def test_an_option_of_the_family_is_not_the_extensions(registry: lt.Registry) -> None:
    with pytest.raises(lt.NameClashError, match=r"option 'grey' of .* family 'fog' itself"):
        load(registry, preset="light")
    load(registry, preset="plain", grey=2).close()


@pytest.mark.parametrize(
    "registry", [[extension(components={"net": load_lamp, "lamp": load_lamp})]], indirect=True
)
def test_a_component_of_the_model_is_not_the_extensions(registry: lt.Registry) -> None:
    with pytest.raises(lt.NameClashError, match=r"component 'net' of .* the model itself"):
        load(registry, preset="light")


OTHER = lt.Extension(
    "fog", presets=(lt.Preset("lighter", base="light"),), components={"lamp": load_lamp}
)
SAME_OPTION = lt.Extension("fog", presets=(lt.Preset("lighter", base="light"),), options=Added)


@pytest.mark.parametrize("registry", [[extension(), OTHER]], indirect=True)
def test_two_extensions_of_a_preset_with_one_component_are_refused(registry: lt.Registry) -> None:
    with pytest.raises(lt.NameClashError, match=r"component 'lamp' is of .*plus0.* and of .*plus1"):
        load(registry, preset="lighter")
    with load(registry, preset="light") as pipeline:
        assert brightness(pipeline) == 100


@pytest.mark.parametrize("registry", [[extension(), SAME_OPTION]], indirect=True)
def test_two_extensions_of_a_preset_with_one_option_are_refused(registry: lt.Registry) -> None:
    with pytest.raises(lt.NameClashError, match=r"option 'level' is of .*; preset 'lighter' uses"):
        load(registry, preset="lighter")


@pytest.mark.parametrize(
    "registry", [[extension(components={"lamp": load_nothing})]], indirect=True
)
def test_a_loader_that_fails_names_its_extension(registry: lt.Registry) -> None:
    with pytest.raises(lt.PluginError, match=r"plus0.* cannot load 'lamp': OSError: no such lamp"):
        load(registry, preset="light")


def test_loading_is_told(registry: lt.Registry) -> None:
    told: list[lt.LoadProgress] = []
    load(registry, preset="light", progress=told.append).close()
    assert told == [lt.LoadProgress("lamp"), lt.LoadProgress("lamp", ready=True)]
