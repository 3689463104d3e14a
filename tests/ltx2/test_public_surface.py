"""What extensions of LTX-2 lean on is what the reference says: stages, values, components."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
import pytest

import longtake as lt
from longtake.schema.references import resolve
from longtake_ltx2 import values
from longtake_ltx2.continuation import LTX2ContinuationState
from longtake_ltx2.stages import DecodingStage, LTX2DiffusionDecodingStage
from tests.ltx2.support import Checkpoints, family, networks
from tests.rules.sources import ROOT

FIELDS = {
    "Geometry": ["height", "width", "clock"],
    "RefineTarget": ["geometry"],
    "PromptContext": ["video", "audio"],
    "TextContext": ["positive", "negative"],
    "Stream": [
        "latents",
        "clean",
        "denoise_mask",
        "coordinates",
        "attention",
        "slots",
        "is_unconditioned",
        "is_frozen",
    ],
    "NoisyLatents": ["video", "audio", "mel_bins", "slot_frames", "keyframes"],
    "NoiseState": ["state"],
    "KeyframeLatents": ["latents", "frames"],
    "CleanLatents": ["video", "audio", "keyframes"],
    "FirstSound": ["audio"],
    "TrailingFrames": ["pixels"],
}
OF_THE_SDK = {lt.Job, lt.Run, lt.DecodedInputs, LTX2ContinuationState, type(None)}
"""What every stage may ask for, and what the page says once."""


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of the page, without its head."""
    page = (ROOT / "docs" / "reference" / "ltx2.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def quoted(cell: str) -> list[str]:
    return [part for index, part in enumerate(cell.split("`")) if index % 2]


def classes(annotation: Any) -> Iterator[type]:
    if get_origin(annotation) in (Union, UnionType, tuple):
        for part in get_args(annotation):
            yield from classes(part)
    else:
        yield annotation


def stage(spec: lt.StageSpec) -> tuple[str, str, set[str], set[str]]:
    """Its name and class, what it takes of other stages, and what it makes."""
    cls: Any = resolve(spec.stage)
    hints = get_type_hints(cls.__call__)
    made = {each.__name__ for each in classes(hints.pop("return")) if each is not type(None)}
    asked = {each for hint in hints.values() for each in classes(hint)} - OF_THE_SDK
    taken = {each.__name__ for each in asked if "Option" not in each.__name__}
    return spec.name, cls.__name__, {each for each in taken if "Override" not in each}, made


def recipes() -> list[lt.Recipe]:
    declared = family()
    chosen = [declared.recipe(preset) for preset in declared.presets]
    asked = {"decode_video": {"decoder": "diffusion"}}
    return [*chosen, declared.recipe(declared.preset("ltx2_two_stage"), asked), declared.finish]


def test_the_page_names_every_stage_with_what_it_takes_and_makes() -> None:
    said = [
        (quoted(name)[0], cls, set(quoted(taken)), set(quoted(made)))
        for name, owners, taken, made, _ in rows("Stages by name")
        for cls in quoted(owners)
    ]
    found = [stage(spec) for recipe in recipes() for spec in recipe]
    assert [each for each in said if each not in found] == []
    assert [each for each in found if each not in said] == []


def test_the_page_says_in_which_recipes_a_stage_is() -> None:
    declared = family()
    where = {quoted(row[0])[0]: row[4] for row in rows("Stages by name")}
    for preset in declared.presets:
        names = {spec.name for spec in declared.recipe(preset)}
        places = {"all presets"}
        twice = ("two_stage", "keyframes", "hq", "reference", "dub", "audio_to_video", "inpaint")
        places |= {"two stages"} if any(each in preset.name for each in twice) else set()
        if "two_stage_guided" in preset.name or preset.name == "ltx2_hq":
            places.add("guided two stages")
        if preset.name == "ltx2_inpaint":
            places.add("inpainting")
        expected = {n for n, place in where.items() if place in places}
        assert names == expected, preset.name
    off = declared.recipe(declared.preset("ltx2_two_stage"), {"refine": {"enabled": False}})
    assert {spec.name for spec in off} == {n for n, p in where.items() if p == "all presets"}
    assert [spec.name for spec in declared.finish] == ["finish"]


def test_the_order_of_the_page_is_that_of_a_segment() -> None:
    declared = family()
    page = [quoted(row[0])[0] for row in rows("Stages by name")]
    recipe = declared.recipe(declared.preset("ltx2_hq"))
    blend = page.index("blend")
    assert page[:blend] + page[blend + 1 :] == [*(spec.name for spec in recipe), "finish"]
    inpaint = [spec.name for spec in declared.recipe(declared.preset("ltx2_inpaint"))]
    assert inpaint[-3:] == page[blend - 1 : blend + 2]


def test_both_decoders_make_the_same() -> None:
    one, other = (get_type_hints(c.__call__) for c in (DecodingStage, LTX2DiffusionDecodingStage))
    assert one == other


def test_the_values_have_the_fields_that_are_public() -> None:
    assert sorted(FIELDS) == sorted(values.__all__)
    for name, names in FIELDS.items():
        assert [each.name for each in attrs.fields(vars(values)[name])] == names, name


@pytest.mark.parametrize("name", values.__all__)
def test_a_values_docstring_names_its_fields(name: str) -> None:
    text = vars(values)[name].__doc__
    if len(FIELDS[name]) > 1 and name != "TextContext":
        assert [each for each in FIELDS[name] if f"``{each}``" not in text] == []


def test_the_page_names_every_component(checkpoints: Checkpoints) -> None:
    said = {quoted(row[0])[0] for row in rows("Components")}
    found = set(networks(checkpoints.path("2.5")))
    assert found <= said
    assert said - found <= {"duration_head", "diffusion_decoder", "prompt_enhancer"}
