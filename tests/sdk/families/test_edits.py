"""Edits of a recipe by the names of its stages."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.families.edits import edited


def stage(name: str) -> lt.StageSpec:
    return lt.StageSpec(name, "longtake_nowhere:Stage")


def after_edits(names: str, *edits: lt.RecipeEdit) -> str:
    recipe = tuple(stage(name) for name in names.split())
    return " ".join(spec.name for spec in edited(recipe, [(edit, "mine") for edit in edits]))


Edit = lt.RecipeEdit


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([Edit.after("b", stage("x"))], "a b b x c"),
        ([Edit.before("b", stage("x"), stage("y"))], "a x y b b c"),
        ([Edit.replace("b", stage("b"), stage("x"))], "a b x c"),
        ([Edit.remove("b")], "a c"),
        ([Edit.after("c", stage("x")), Edit.after("c", stage("y"))], "a b b c x y"),
        ([Edit.before("c", stage("x")), Edit.before("c", stage("y"))], "a b b x y c"),
        ([Edit.after("c", stage("x")), Edit.replace("x", stage("y"))], "a b b c y"),
        ([Edit.after("c", stage("x")), Edit.after("x", stage("y"))], "a b b c x y"),
        ([Edit.remove("a"), Edit.remove("c")], "b b"),
    ],
)
def test_an_anchor_stands_for_all_stages_of_its_name(
    edits: list[lt.RecipeEdit], expected: str
) -> None:
    assert after_edits("a b b c", *edits) == expected


def test_stages_of_one_name_that_stand_apart_are_replaced_where_the_first_was() -> None:
    assert after_edits("b a b c", Edit.replace("b", stage("x"))) == "x a c"


@pytest.mark.parametrize("edit", [Edit.after("d", stage("x")), Edit.remove("d")])
def test_an_anchor_that_is_not_there_names_those_that_are(edit: lt.RecipeEdit) -> None:
    with pytest.raises(lt.WiringError, match=r"mine: no stage 'd' .*; the recipe's stages: a, b$"):
        after_edits("a b", edit)


def test_an_anchor_that_an_earlier_edit_took_away_is_not_there() -> None:
    with pytest.raises(lt.WiringError, match="no stage 'b'"):
        after_edits("a b", Edit.remove("b"), Edit.after("b", stage("x")))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("beside", "b", (stage("x"),)), "one of after, before, replace, remove"),
        (("after", "", (stage("x"),)), "anchor is '';"),
        (("after", "b"), "needs at least one stage"),
        (("remove", "b", (stage("x"),)), "needs no stages"),
        (("after", "b", "longtake_nowhere:Stage"), "a recipe is a tuple of stages"),
    ],
)
def test_what_is_no_edit_is_refused_where_it_is_made(
    arguments: tuple[Any, ...], problem: str
) -> None:
    with pytest.raises(lt.PluginError, match=problem):
        lt.RecipeEdit(*arguments)


def test_a_preset_takes_edits_alone() -> None:
    with pytest.raises(lt.PluginError, match=r"edits\[0\] is 'remove'; must be a longtake.Rec"):
        lt.Preset("mine", edits=("remove",))  # type: ignore[arg-type]
