"""A preset refuses defaults that nothing would read."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from tests.sdk.toy_family import FOG, black


def test_an_unknown_default_is_refused_with_those_there_are() -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.Preset("small", defaults={"heigth": 8})
    assert refused.value.path == "preset small: defaults.heigth"
    assert "height" in refused.value.problem


def test_stage_defaults_are_fields_by_stage() -> None:
    defaults: Any = {"denoise": 3}
    with pytest.raises(lt.ValidationError) as refused:
        lt.Preset("small", stage_defaults=defaults)
    assert refused.value.path == "preset small: stage_defaults.denoise"


def test_every_documented_default_is_allowed() -> None:
    documented = {
        "seed": 1,
        "height": 8,
        "width": 8,
        "num_frames": 9,
        "fps": 24,
        "negative_prompt": "sun",
        "num_inference_steps": 4,
        "guidance_scale": 3.0,
    }
    assert lt.Preset("all", defaults=documented).defaults == documented


def test_a_preset_may_have_a_recipe_of_its_own() -> None:
    preset = lt.Preset("still", stages=(black,))
    result = lt.Pipeline(FOG, preset=preset).generate(lt.GenerationRequest("fog"))
    assert (list(result.timings), result.audio) == (["black"], None)
    assert lt.Pipeline(FOG, preset=preset).recipe == (lt.StageSpec("black", black),)
