"""Whatever is wrong in a field of a plugin's record is refused, or costs that plugin alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import longtake as lt
from longtake.cli import main
from longtake.plugins.loading import Plugin, load_plugin
from longtake.plugins.registry import Registry

WRONG = (5, None, True, b"x", object(), [5], [None], {5: 5}, {"a": 5}, "no reference", "", "\n")
"""Of which most are wrong in any field."""

MAKERS: dict[type, Callable[[dict[str, Any]], lt.ModelFamily | lt.BlobBackend]] = {
    lt.ModelFamily: lambda wrong: lt.ModelFamily(**{"name": "f", "stages": ("f:Draw",), **wrong}),
    lt.Preset: lambda wrong: family_of(presets=(lt.Preset(**{"name": "p", **wrong}),)),
    lt.StageSpec: lambda wrong: family_of(
        stages=(lt.StageSpec(**{"name": "s", "stage": "f:Draw", **wrong}),)
    ),
    lt.BlobBackend: lambda wrong: lt.BlobBackend(**{"scheme": "b", "open": "f:open", **wrong}),
}
FIELDS = [(cls, name) for cls in MAKERS for name in inspect.signature(cls).parameters]


def family_of(**declared: Any) -> lt.ModelFamily:
    return lt.ModelFamily(**{"name": "f", "stages": ("f:Draw",), **declared})


def loaded(cls: type, fields: dict[str, Any]) -> Plugin:
    """A plugin that brings one record, whose ``fields`` are as given."""
    module = ModuleType("wrong")

    @lt.hookimpl
    def hook() -> list[Any]:
        return [MAKERS[cls](fields)]

    name = "longtake_blob_stores" if cls is lt.BlobBackend else "longtake_families"
    hook.__name__ = name
    vars(module)[name] = hook
    return load_plugin("wrong", "wrong", "0.1", lambda: module)


def test_a_record_of_a_class_that_adds_no_field_is_refused_like_its_base() -> None:
    class Preset(lt.Preset):
        __slots__ = ()

    with pytest.raises(lt.PluginError, match=r"^Preset 'p': version is 'two'; must be a whole"):
        Preset("p", "two")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cls", "name"), FIELDS, ids=[f"{cls.__name__}.{name}" for cls, name in FIELDS]
)
def test_a_wrong_value_costs_at_most_its_plugin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cls: type, name: str
) -> None:
    plugins = [loaded(cls, {name: value}) for value in WRONG]
    failed = [plugin.error for plugin in plugins if plugin.status == "failed"]
    assert failed, "none of these values is refused"
    assert not any(str(error).startswith(("TypeError", "AttributeError")) for error in failed)
    for plugin in plugins:
        with Registry([plugin]).use():
            for command in ("families", "presets", "plugins"):
                assert main([command]) == 0
                assert main([command, "--json"]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: lt.ModelFamily("f", (), presets=(5,)), "ModelFamily 'f': presets[0] is 5; must "),  # type: ignore[arg-type]
        (lambda: lt.ModelFamily("f", (), codecs=(5,)), "ModelFamily 'f': codecs[0] is 5; must be"),  # type: ignore[arg-type]
        (lambda: lt.ModelFamily("f", (5,)), "StageSpec 'int': stage is 5; must be a callable"),  # type: ignore[arg-type]
        (lambda: lt.ModelFamily("f", 5), "a recipe is a tuple of stages, not 5"),  # type: ignore[arg-type]
        (lambda: lt.ModelFamily("f", (), load="f"), "load is 'f'; must be a callable, or its nam"),
        (lambda: lt.Preset("p", version="1"), "Preset 'p': version is '1'; must be a whole number"),  # type: ignore[arg-type]
        (lambda: lt.Preset("p", overrides={"a": 5}), "overrides.a is 5; must be a class, or its"),  # type: ignore[dict-item]
        (lambda: lt.BlobBackend("b", "sqlite"), "BlobBackend 'b': open is 'sqlite'; must be a ca"),
        (lambda: lt.BlobBackend("b", print, 5), "BlobBackend 'b': example is 5; must be a text"),  # type: ignore[arg-type]
        (lambda: lt.Recognition(preset=5), "Recognition 5: preset is 5; must be a text"),  # type: ignore[arg-type]
        (lambda: lt.LoadedModel(close=5), "close is 5; must be a callable, or its name"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_and_where_is_said(make: Any, said: str) -> None:
    with pytest.raises(lt.PluginError) as refused:
        make()
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "defaults", [{"height": "tall"}, {"seed": True}, {"fps": None}, {"negative_prompt": 5}]
)
def test_a_default_of_another_type_is_refused(defaults: dict[str, Any]) -> None:
    (name,) = defaults
    with pytest.raises(lt.ValidationError, match=rf"preset p: defaults\.{name}: is .*; must be"):
        lt.Preset("p", defaults=defaults)
    with pytest.raises(lt.ValidationError, match=rf"family f: defaults\.{name}: is .*; must be"):
        lt.ModelFamily("f", (), defaults=defaults)
