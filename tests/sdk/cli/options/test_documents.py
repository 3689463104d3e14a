"""Options and ``path=value`` texts become one request document."""

from __future__ import annotations

from typing import Any

import click
import pytest

import longtake as lt
from longtake.cli.options.documents import build_overrides, build_request, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("3.5", 3.5),
        ("true", True),
        ("null", None),
        ('"3"', "3"),
        ("[1, 2]", [1, 2]),
        ("fog", "fog"),
        ("24000/1001", "24000/1001"),
        ("", ""),
    ],
)
def test_a_value_is_json_where_it_is_json(text: str, value: Any) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_options_have_their_place_and_assignments_win() -> None:
    options = {"height": 64, "steps": None, "fps": "24000/1001", "audio": False}
    request = build_request("fog", options, ["sampling.height=96", "denoise.scale=2"])
    assert (request.sampling.height, request.sampling.num_inference_steps) == (96, None)
    assert request.stage_overrides == {"denoise": {"scale": 2}}
    assert request.output == lt.Output(audio=False)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("height", "is not of the form path=value"),
        ("height=3", "write sampling.height or <stage>.height"),
        (".height=3", "is not a path"),
        ("prompt=fog", "prompts are arguments"),
        ("state.kind=x", "use --state"),
        ("inputs.images=[]", "inputs are files"),
        ("output.last=true", "use --save-state and --finish"),
    ],
)
def test_what_is_no_assignment_or_decided_elsewhere_is_wrong_use(text: str, problem: str) -> None:
    with pytest.raises(click.UsageError, match=problem):
        build_request("fog", {}, [text])


def test_a_value_has_no_fields() -> None:
    with pytest.raises(click.UsageError, match="already has a value without fields"):
        build_request("fog", {}, ["denoise.scale=1", "denoise.scale.x=2"])


def test_a_wrong_value_is_refused_with_its_path() -> None:
    with pytest.raises(lt.ValidationError, match=r"^sampling\.num_frames: "):
        build_request("fog", {"num_frames": 0}, [])


def test_overrides_of_a_preset_are_by_stage() -> None:
    assert build_overrides(["refine.enabled=false", "refine.passes=2"]) == {
        "refine": {"enabled": False, "passes": 2}
    }
    with pytest.raises(click.UsageError, match=r"is not a path such as refine\.enabled"):
        build_overrides(["enabled=false"])
