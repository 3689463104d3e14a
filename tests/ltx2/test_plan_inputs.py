"""What inputs add to a plan: as many FLOPs as torch counts on tiny takes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from torch.nn.attention import SDPBackend, sdpa_kernel

import longtake as lt
from longtake.cli import main
from longtake.runs.resolution import resolve_request
from longtake_ltx2.estimating.run import estimate
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.tiny.lora import write_tiny_lora
from tests.ltx2.inputs import clip, image, tone
from tests.ltx2.support import Checkpoints, FlopCounter, family, moving_frames

ONE = {"height": 64, "width": 96, "num_frames": 25, "num_inference_steps": 2}
TWO = {**ONE, "height": 128, "width": 192}


def source(**options: Any) -> lt.Inputs:
    frames = np.stack(moving_frames(25))
    samples = np.zeros((2, 24_000), np.float32)
    given = lt.SourceInput.from_frames(frames, Fraction(24), samples, 24_000, **options)
    return lt.Inputs(source=given)


def masked(**options: Any) -> lt.Inputs:
    remade = np.zeros((64, 96), np.bool_)
    remade[40, 40] = True
    return source(mask=lt.MaskInput.from_places(remade), **options)


def reference(count: int = 33, **options: Any) -> lt.Inputs:
    return lt.Inputs(
        references=(lt.ReferenceInput.from_frames(np.stack(moving_frames(count)), **options),)
    )


def voice(seconds: float) -> lt.VoiceInput:
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, (2, int(16_000 * seconds)))
    return lt.VoiceInput.from_samples(samples.astype(np.float32), 16_000)


LOOPS = {"denoise": {"stg_blocks": [1]}}
CASES: dict[str, tuple[Any, str, dict[str, Any], lt.Inputs, dict[str, Any]]] = {
    "images": ("2.0", "ltx2_tiny", ONE, lt.Inputs((image(), image(12), image(-1))), {}),
    "clips": ("2.3", "ltx2_tiny", ONE, lt.Inputs(clips=(clip(), clip(10))), {}),
    "a sound": ("2.5", "ltx2_tiny", ONE, lt.Inputs(audio=tone(0.5)), {}),
    "a whole sound": ("2.3", "ltx2_tiny", ONE, lt.Inputs(audio=tone(2.0)), {}),
    "a whole picture": ("2.3", "ltx2_tiny", ONE, lt.Inputs(clips=(clip(count=25),)), {}),
    "a retake": ("2.0", "ltx2_tiny", ONE, source(remake_from=0.4, remake_to=0.6), {}),
    "a mask": ("2.3", "ltx2_tiny", ONE, masked(), {}),
    "a video": ("2.3", "ltx2_tiny", ONE, reference(attention=0.5), {}),
    "a small video": (
        "2.3",
        "ltx2_reference",
        {**TWO, "width": 256, "num_frames": 33},
        reference(),
        {},
    ),
    "a painted clip": (
        "2.3",
        "ltx2_inpaint",
        TWO,
        masked(pad_left=32, strength=0.5),
        {"refine": {"num_inference_steps": 2}},
    ),
    "slots": ("2.5", "ltx2_tiny", ONE, lt.Inputs(), {"prepare": {"keyframe_slots": 2}}),
    "a voice": ("2.3", "ltx2_tiny", ONE, lt.Inputs(voice=voice(0.7)), {}),
    "towards a voice": (
        "2.3",
        "ltx2_tiny",
        ONE,
        lt.Inputs(voice=voice(0.7)),
        {"denoise": {"voice_scale": 3.0}},
    ),
    "dubbing": (
        "2.3",
        "ltx2_dub",
        TWO,
        evolve(reference(25), voice=voice(0.7)),
        {},
    ),
    "two stages": (
        "2.5",
        "ltx2_two_stage",
        TWO,
        lt.Inputs((image(), image(12)), audio=tone(2.0)),
        {"prepare": {"keyframe_slots": 2}},
    ),
    "guided two stages": ("2.3", "ltx2_3_two_stage_guided", TWO, lt.Inputs((image(),)), {}),
    "a picture to a sound": (
        "2.3",
        "ltx2_3_audio_to_video",
        TWO,
        lt.Inputs((image(),), audio=tone(2.0)),
        {},
    ),
    "a sound to a picture": (
        "2.0",
        "ltx2_video_to_audio",
        ONE,
        lt.Inputs(clips=(clip(count=25),)),
        {},
    ),
    "keyframes": (
        "2.0",
        "ltx2_keyframes",
        TWO,
        lt.Inputs((image(), image(-1, strength=0.5))),
        {"prepare": {"append_first": True}},
    ),
}


def planned(
    path: Path, preset: str, request: lt.GenerationRequest, **options: Any
) -> lt.RunEstimate:
    """What the family says of one segment."""
    declared = family()
    chosen = declared.preset(preset)
    recipe = declared.recipe(chosen)
    resolved = resolve_request(request, family=declared, preset=chosen, recipe=recipe)
    return estimate(
        lt.EstimateRequest(
            path=path,
            recipe=recipe,
            job=resolved.job,
            stage_options=resolved.options,
            segments=1,
            device="cpu",
            dtype=None,
            options=LTX2T2VConfig(**options),
        )
    )


@pytest.mark.parametrize("name", CASES)
def test_what_inputs_add_is_counted(checkpoints: Checkpoints, tmp_path: Path, name: str) -> None:
    generation, preset, size, inputs, options = CASES[name]
    path = checkpoints.path(generation)
    request = lt.GenerationRequest(
        "fog",
        inputs=inputs,
        sampling=lt.Sampling(**size),
        stage_overrides={**LOOPS, **options},
    )
    loading: dict[str, Any] = {"forward": "plain"}  # which does all that is planned
    if preset == "ltx2_reference":
        said = {"reference_downscale_factor": "2", "reference_temporal_scale_factor": "2"}
        write_tiny_lora(tmp_path / "lora.safetensors", path, metadata=said)
        loading["lora_path"] = str(tmp_path / "lora.safetensors")
    expected = planned(path, preset, request, **loading)
    counter = FlopCounter("LTX2VideoTransformer3DModel")
    with (
        lt.load(path, family=family(), preset=preset, device="cpu", **loading) as pipeline,
        sdpa_kernel(SDPBackend.MATH),
        counter,
    ):
        pipeline.generate(request)
    assert expected.flops == pytest.approx(counter.total, rel=0.02)
    if preset == "ltx2_reference":
        return  # the LoRA is a part of the network, and not counted
    loops = sum(s.flops for s in expected.segments[0].stages if s.name in ("denoise", "refine"))
    loops -= sum(p.flops for p in passes_of(expected, "refine") if p.name in BESIDE)
    assert loops == pytest.approx(counter.inside, rel=0.02)
    without = evolve(request, inputs=lt.Inputs(), stage_overrides=LOOPS)
    assert planned(path, preset, without, **loading).flops != expected.flops


def test_a_clip_that_is_painted_counts_where_a_plan_names_none(checkpoints: Checkpoints) -> None:
    """In every segment, because each has one."""
    path, frames = checkpoints.path("2.3"), np.stack(moving_frames(25))
    clip = lt.SourceInput.from_frames(frames, Fraction(24), pad_top=64)
    size = lt.Sampling(height=128, width=192, num_frames=25, num_inference_steps=2)
    named = lt.GenerationRequest(
        "fog", inputs=lt.Inputs(source=clip), sampling=size, stage_overrides=LOOPS
    )
    loops = [
        [p.flops for stage in estimate.segments[0].stages for p in stage.passes]
        for request in (named, evolve(named, inputs=lt.Inputs()))
        for estimate in [planned(path, "ltx2_inpaint", request)]
    ]
    assert loops[0] == loops[1]


BESIDE = ("upsample", "encode frames", "encode sound")
"""Passes of stages that are called as the second loop is."""


def passes_of(estimate: lt.RunEstimate, name: str) -> list[lt.PassEstimate]:
    return [p for stage in estimate.segments[0].stages if stage.name == name for p in stage.passes]


def test_the_command_takes_inputs(
    checkpoints: Checkpoints, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "still.png").write_bytes(image().data)
    model = ["plan", "--json", "--model", str(checkpoints.path("2.0")), "--device", "cpu"]
    assert main(model) == 0
    without = json.loads(capsys.readouterr().out)
    assert main([*model, "--image", f"{tmp_path / 'still.png'}@8", "--segments", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    first, second = (segment["stages"] for segment in found["segments"])
    alone = without["segments"][0]["stages"]
    assert loop_of(first) > 1.1 * loop_of(alone)
    assert "the inputs condition the first segment" in found["notes"]
    assert sum("encode frames" in str(stage["passes"]) for stage in second) == 1  # of the state
    assert main([*model, "--image", f"{tmp_path / 'still.png'}@25"]) == 2
    assert "this segment has 25 frames" in capsys.readouterr().err


def loop_of(stages: list[Any]) -> int:
    """FLOPs of the loop."""
    return sum(stage["flops"] for stage in stages if stage["name"] == "denoise")


def test_what_the_network_cannot_make_is_refused(
    checkpoints: Checkpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(checkpoints.path("2.3"))
    assert main(["plan", "--model", path, "--set", "prepare.keyframe_slots=2"]) == 2
    assert "stage_overrides.prepare.keyframe_slots" in capsys.readouterr().err
