"""Bad requests are refused with the path of the field, before any network runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from tests.ltx2.support import Checkpoints
from tests.ltx2.watching import Watched, quick

Request = Callable[[], lt.GenerationRequest]


@pytest.fixture(scope="module")
def watched(checkpoints: Checkpoints) -> Watched:
    return Watched(checkpoints.path("2.0"))


@pytest.fixture(scope="module")
def distilled(checkpoints: Checkpoints) -> Watched:
    return Watched(checkpoints.path("2.3"), preset="ltx2_distilled")


def sampled(**fields: Any) -> Request:
    return lambda: lt.GenerationRequest("x", sampling=lt.Sampling(**fields))


def overridden(**fields: Any) -> Request:
    return lambda: lt.GenerationRequest("x", stage_overrides={"denoise": fields})


def output(num_frames: int, **fields: Any) -> Request:
    return lambda: lt.GenerationRequest(
        "x", sampling=lt.Sampling(num_frames=num_frames), output=lt.Output(**fields)
    )


def refusal(watched: Watched, make: Request) -> lt.ValidationError:
    """What the request is refused with; nothing ran."""
    with watched.counted() as ran, pytest.raises(lt.ValidationError) as caught:
        watched.pipeline.generate(make())
    assert not ran
    assert str(caught.value).startswith(f"{caught.value.path}: ")
    return caught.value


SIZES: list[tuple[str, Any]] = [
    *(("num_frames", value) for value in (0, -1, 2, 8, 24, 26, 25.0, "25", True)),
    *(("height", value) for value in (0, -64, 33, 65, 100, 64.0, "64")),
    *(("width", value) for value in (0, 48, 95, 97)),
    *(("height", value) for value in (32,)),
    *(("height", value) for value in (8224, 99_999_999_968)),
    *(("num_frames", value) for value in (2057, 100_000_001)),
    *(("width", value) for value in (32,)),
    *(("fps", value) for value in (0, -24, "x", "24/0", float("nan"), 2000, True, [24])),
    *(("seed", value) for value in (-1, 2**64, 1.5, "1", True)),
    *(("num_inference_steps", value) for value in (0, -1, 2.5, "2", True)),
    *(("guidance_scale", value) for value in (float("nan"), float("inf"), "3", True)),
]


@pytest.mark.parametrize(("name", "value"), SIZES)
def test_sampling(watched: Watched, name: str, value: Any) -> None:
    assert refusal(watched, sampled(**{name: value})).path == f"sampling.{name}"


def test_what_would_be_right_is_said(watched: Watched) -> None:
    assert "e.g. 25 or 33" in str(refusal(watched, sampled(num_frames=26)))
    assert "e.g. 96" in str(refusal(watched, sampled(height=100)))
    assert "64 or more" in str(refusal(watched, sampled(width=32)))


def test_so_fast_that_there_is_no_sound(watched: Watched) -> None:
    assert refusal(watched, sampled(num_frames=9, fps=1000)).path == "sampling.fps"


def test_a_small_side_works_where_the_decoder_pads_with_zeros(checkpoints: Checkpoints) -> None:
    watched = Watched(checkpoints.path("2.3"))
    request = lt.GenerationRequest(
        "x",
        sampling=lt.Sampling(height=32, width=32, num_frames=1),
        stage_overrides=quick(),
    )
    assert watched.pipeline.generate(request).frames.shape == (1, 32, 32, 3)


OVERRIDES: list[tuple[str, Any, str]] = [
    *(("num_inference_steps", value, "") for value in (0, -3, 1001, 2.5, "4", True, None)),
    *(("guidance_scale", value, "") for value in ("3", None, True, float("nan"), 1e9)),
    *(("audio_guidance_scale", value, "") for value in ("7", float("inf"), False, [1.0])),
    ("stg_scale", None, ""),
    ("stg_scale", {}, ""),
    ("stg_scale", float("-inf"), ""),
    *(("guidance_rescale", value, "") for value in (-0.1, 1.1, None)),
    *(("audio_guidance_rescale", value, "") for value in (2, "0.5")),
    ("stg_blocks", [4], ""),
    ("stg_blocks", [1, 99], ""),
    ("stg_blocks", [-1], ""),
    ("stg_blocks", [1, 1], ""),
    ("stg_blocks", [], ""),
    ("stg_blocks", [0, "1"], "[1]"),
    ("stg_blocks", [1.0], "[0]"),
    ("stg_blocks", 1, ""),
    ("stg_blocks", None, ""),
    ("nope", 1, ""),
    ("sigmas_override", [1, 0], ""),
]


@pytest.mark.parametrize(("name", "value", "below"), OVERRIDES)
def test_overrides(watched: Watched, name: str, value: Any, below: str) -> None:
    refused = refusal(watched, overridden(**{name: value}))
    assert refused.path == f"stage_overrides.denoise.{name}{below}"


def test_an_unknown_override_is_refused_with_those_there_are(watched: Watched) -> None:
    assert "audio_stg_scale" in str(refusal(watched, overridden(nope=1)))


@pytest.mark.parametrize("stage", ["nope", "decode_video", "refine", ""])
def test_an_unknown_stage(watched: Watched, stage: str) -> None:
    refused = refusal(watched, lambda: lt.GenerationRequest("x", stage_overrides={stage: {"a": 1}}))
    assert refused.path == f"stage_overrides.{stage}"
    assert "denoise" in str(refused)


def test_one_step_of_the_shifted_schedule(watched: Watched) -> None:
    refused = refusal(watched, overridden(num_inference_steps=1))
    assert refused.path == "stage_overrides.denoise.num_inference_steps"
    assert "at least 2" in str(refused)


def test_steps_of_the_distilled_schedule(distilled: Watched) -> None:
    refused = refusal(distilled, overridden(num_inference_steps=9))
    assert refused.path == "stage_overrides.denoise.num_inference_steps"
    assert "1 to 8" in str(refused)
    small = lt.Sampling(height=64, width=64, num_frames=9, num_inference_steps=1)
    with distilled.counted() as ran:
        distilled.pipeline.generate(lt.GenerationRequest("x", sampling=small))
    assert ran["transformer"] == 1  # from 1 to 0


@pytest.mark.parametrize(
    ("num_frames", "fields"),
    [
        (25, {"overlap_frames": 8}),
        (25, {"overlap_frames": 0}),
        (25, {"overlap_frames": 25}),
        (25, {"overlap_frames": 33}),
        (9, {"overlap_frames": 9}),
        (25, {"overlap_frames": -1}),
        (25, {"overlap_frames": 9.0}),
    ],
)
def test_overlap(watched: Watched, num_frames: int, fields: dict[str, Any]) -> None:
    refused = refusal(watched, output(num_frames, return_state=True, **fields))
    assert refused.path == "output.overlap_frames"


def test_an_overlap_that_no_state_could_carry(watched: Watched) -> None:
    sampling = lt.Sampling(height=4320, width=7680, num_frames=33)
    given = lt.Output(last=False, return_state=True, overlap_frames=17)
    refused = refusal(watched, lambda: lt.GenerationRequest("x", sampling=sampling, output=given))
    assert refused.path == "output.overlap_frames"
    assert "a state can carry" in str(refused)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"prompt": 3}, "prompt"),
        ({"negative_prompt": 3}, "negative_prompt"),
        ({"stage_overrides": {"denoise": 3}}, "stage_overrides.denoise"),
        ({"sampling": {}}, "sampling"),
        ({"state": {}}, "state"),
    ],
)
def test_other_fields(watched: Watched, fields: dict[str, Any], path: str) -> None:
    assert refusal(watched, lambda: lt.GenerationRequest(**{"prompt": "x"} | fields)).path == path


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"numerics": "exact"}, "numerics"),
        ({"numerics": None}, "numerics"),
        ({"precision": "high"}, "precision"),
        ({"dtype": "int8"}, "dtype"),
        ({"dtype": "fp99"}, "dtype"),
        ({"dtype": "nn"}, "dtype"),
        ({"device": "warp"}, "device"),
        ({"device": "cuda:99"}, "device"),
    ],
)
def test_load_options(tiny: Path, options: dict[str, Any], path: str) -> None:
    with pytest.raises(lt.ValidationError) as caught:
        lt.load(tiny, **options)
    assert caught.value.path == path
