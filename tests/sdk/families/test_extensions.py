"""Presets over other presets, and what a family says of the packages that extend it."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

import longtake as lt

Edit = lt.RecipeEdit


@frozen
class Options:
    coats: int = 1
    thick: bool = False


@frozen
class OtherOptions:
    coats: int = 1


def paint() -> lt.Frames:
    raise NotImplementedError


PAINT = lt.StageSpec("paint", paint, options=Options)
MARK = lt.StageSpec("mark", paint)


def family(*presets: lt.Preset) -> lt.ModelFamily:
    return lt.ModelFamily("fog", (PAINT,), presets=presets)


def names(recipe: lt.Recipe) -> list[str]:
    return [spec.name for spec in recipe]


def test_a_preset_says_what_its_base_leaves_out() -> None:
    base = lt.Preset(
        "thin",
        workload="sound",
        defaults={"height": 32, "width": 48},
        stage_defaults={"paint": {"coats": 2, "thick": True}},
    )
    own = lt.Preset(
        "mine", base="thin", defaults={"height": 64}, stage_defaults={"paint": {"coats": 3}}
    )
    whole = family(base, own).preset("mine")
    assert (whole.name, whole.workload, whole.base) == ("mine", "sound", None)
    assert whole.defaults == {"height": 64, "width": 48}
    assert whole.stage_defaults == {"paint": {"coats": 3, "thick": True}}


def test_edits_of_the_base_come_first() -> None:
    fog = family(
        lt.Preset("thin", edits=(Edit.after("paint", MARK),)),
        lt.Preset("mine", base="thin@1", edits=(Edit.after("mark", lt.StageSpec("last", paint)),)),
    )
    assert names(fog.recipe(fog.preset("mine"))) == ["paint", "mark", "last"]
    assert names(fog.recipe(fog.preset("thin"))) == ["paint", "mark"]


def test_overrides_of_the_base_choose_the_recipe_that_is_edited() -> None:
    def build(*, paint: Options) -> lt.Recipe:
        return (PAINT, *[lt.StageSpec("again", lambda: None)] * paint.coats)

    fog = family(
        lt.Preset("thin", stages=build, overrides={"paint": Options}),
        lt.Preset("mine", base="thin", edits=(Edit.before("again", MARK),)),
    )
    recipe = fog.recipe(fog.preset("mine"), {"paint": {"coats": 2}})
    assert names(recipe) == ["paint", "mark", "again", "again"]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (Edit.remove("paint"), {}),
        (Edit.replace("paint", MARK), {}),
        (Edit.replace("paint", lt.StageSpec("paint", paint)), {}),
        (
            Edit.replace("paint", lt.StageSpec("paint", paint, options=OtherOptions)),
            {"paint": {"coats": 2}},
        ),
        (Edit.after("paint", MARK), {"paint": {"coats": 2, "thick": True}}),
    ],
)
def test_defaults_of_a_stage_go_with_it(edit: lt.RecipeEdit, expected: dict[str, Any]) -> None:
    base = lt.Preset("thin", stage_defaults={"paint": {"coats": 2, "thick": True}})
    fog = family(base, lt.Preset("mine", base="thin", edits=(edit,)))
    assert fog.preset("mine").stage_defaults == expected


def test_a_base_that_is_not_there_and_a_circle_are_refused() -> None:
    with pytest.raises(lt.PluginError, match="preset 'mine': base: .* no preset 'thick'"):
        family(lt.Preset("mine", base="thick")).preset("mine")
    circle = family(lt.Preset("one", base="two"), lt.Preset("two", base="one"))
    with pytest.raises(lt.PluginError, match="preset 'one' is based on itself"):
        circle.preset("one")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"components": {"net": 3}}, "components.net is 3"),
        ({"components": {"net": "no target"}}, "components.net is 'no target'"),
        ({"options": "no target"}, "options is 'no target'"),
        ({"presets": ("mine",)}, r"presets\[0\] is 'mine'"),
        ({"codecs": (3,)}, r"codecs\[0\] is 3"),
        ({"requires": 2}, "requires is 2"),
    ],
)
def test_what_is_no_extension_is_refused_where_it_is_made(
    fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(lt.PluginError, match=problem):
        lt.Extension("fog", **fields)
