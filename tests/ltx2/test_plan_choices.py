"""``longtake plan`` of takes without picture or sound, and with another transformer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.cli import main
from tests.ltx2.original_files import networks_of, original_config, original_weights, write
from tests.ltx2.support import Checkpoints, family


def planned(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    common = ("plan", "--json", "--device", "cpu", "--preset", "ltx2_tiny")
    assert main([*common, *map(str, arguments)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def shapes(found: dict[str, Any], segment: int) -> dict[str, list[int]]:
    stages = found["segments"][segment]["stages"]
    return {value["name"]: value["shape"] for stage in stages for value in stage["values"]}


@pytest.mark.parametrize(("left_out", "output"), [("--no-audio", "audio"), ("--no-video", "video")])
def test_a_take_of_one_stream_is_as_long_as_the_plan_says(
    tiny: Path, capsys: pytest.CaptureFixture[str], left_out: str, output: str
) -> None:
    found = planned(capsys, "--model", tiny, "--segments", "2", left_out, "--steps", "2")
    sampling = lt.Sampling(num_frames=25, num_inference_steps=2)
    state: lt.ContinuationState | None = None
    with lt.load(tiny, family=family(), preset="ltx2_tiny", device="cpu") as pipeline:
        for index in range(2):
            last = index == 1
            without: dict[str, Any] = {output: False}
            wanted = lt.Output(last=last, return_state=True, **without)
            request = lt.GenerationRequest("fog", sampling=sampling, output=wanted, state=state)
            result = pipeline.generate(request)
            state, made = result.state, shapes(found, index)
            assert state is not None
            frames, sound = made.get("Frames.pixels"), made.get("Waveform.samples")
            assert frames == (list(result.frames.shape) if output == "audio" else None)
            assert sound == (None if result.audio is None else list(result.audio.shape))
            carried = made["LTX2ContinuationState.video_frames"][0]
            assert carried == len(state.payload.get("video", {}).get("frames_b64", ()))
            latents = made["LTX2ContinuationState.audio_latents"][2]
            assert (latents > 0) == ("audio" in state.payload)


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_a_transformer_as_it_is_published(
    checkpoints: Checkpoints,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    generation: Any,
) -> None:
    folder = checkpoints.path(generation)
    networks = networks_of(folder, "transformer")
    config = json.dumps(original_config(networks))
    version = f"{generation}.0"
    file = tmp_path / "published.safetensors"
    write(file, original_weights(networks), model_version=version, config=config)
    own = planned(capsys, "--model", folder)
    other = planned(capsys, "--model", folder, "--transformer-path", file)
    assert other["segments"] == own["segments"]


def test_a_side_that_no_picture_has(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = ["plan", "--model", str(tiny), "--preset", "ltx2_tiny", "--height", "32"]
    assert main(plan) == 2
    assert "sampling.height" in capsys.readouterr().err
    assert main([*plan, "--no-video"]) == 0


def test_a_configuration_of_another_checkpoint(
    checkpoints: Checkpoints, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps({"model_path": str(checkpoints.path("2.3"))}))
    other = ["plan", "--model", str(checkpoints.path("2.0")), "--pipeline-config-path", str(file)]
    assert main(other) == 2
    assert "model_path" in capsys.readouterr().err
