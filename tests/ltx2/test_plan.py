"""``longtake plan`` on LTX-2: real configurations without weights, and what the tiny one runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel

import longtake as lt
from longtake.cli import main
from longtake_ltx2.estimating.forward_pass import ForwardPass, StreamSize
from longtake_ltx2.estimating.transformer import TransformerConfig
from tests.ltx2.published import published_config, write_published
from tests.ltx2.support import Checkpoints, FlopCounter, family, networks

Plan = Callable[..., dict[str, Any]]


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str]) -> Plan:
    """The command's JSON."""

    def run(*arguments: str | Path) -> dict[str, Any]:
        capsys.readouterr()
        code = main(["plan", "--json", *map(str, arguments)])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        found: dict[str, Any] = json.loads(printed.out)
        return found

    return run


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of real size without weights, by generation."""
    folder = tmp_path_factory.mktemp("published")
    for generation in ("2.0", "2.3"):
        write_published(folder / generation, generation)
    return folder


def stages_of(found: dict[str, Any], segment: int = 0) -> dict[str, dict[str, Any]]:
    return {stage["name"]: stage for stage in found["segments"][segment]["stages"]}


def values_of(stage: dict[str, Any]) -> dict[str, list[int]]:
    return {value["name"]: value["shape"] for value in stage["values"]}


@pytest.mark.parametrize(("height", "width"), [(512, 768), (1024, 1536)])
def test_the_real_configuration_costs_what_the_formula_says(
    plan: Plan, published: Path, height: int, width: int
) -> None:
    size = ("--height", str(height), "--width", str(width), "--num-frames", "121")
    model = ("--model", published / "2.0", "--device", "cuda")
    found = plan(*model, "--preset", "ltx2_base", *size)
    denoise = stages_of(found)["denoise"]
    tokens = 16 * height * width // 32**2
    config = TransformerConfig.from_config(published_config("2.0", "transformer"))
    whole = config.flops(ForwardPass(StreamSize(tokens), StreamSize(126), 1024))
    passes = {each["name"]: each["flops"] for each in denoise["passes"]}
    assert passes["positive"] == passes["negative"] == whole
    assert 0.85 * whole < passes["isolated"] < whole
    assert passes["perturbed"] == pytest.approx(whole * 19 / 48, rel=0.03)
    assert denoise["flops"] == 40 * sum(passes.values())
    assert values_of(denoise)["CleanLatents.video"] == [1, 128, 16, height // 32, width // 32]
    assert denoise["weight_bytes"] == 2 * config.parameters


def test_memory_is_weights_values_and_activations(plan: Plan, published: Path) -> None:
    model = ("--model", published / "2.0", "--preset", "ltx2_base", "--device", "cuda")
    found = plan(*model)
    stages = stages_of(found)
    networks = ("encode_text", "denoise", "decode_audio", "decode_video")
    assert found["weight_bytes"] == sum(stages[name]["weight_bytes"] for name in networks)
    for stage in stages.values():
        least = found["weight_bytes"] + stage["activation_bytes"]
        assert least <= stage["peak_bytes"] < least + 2**28
    wider = plan(*model, "--dtype", "float32")
    assert wider["weight_bytes"] == 2 * found["weight_bytes"]


def test_offloaded_networks_are_not_in_memory_together(plan: Plan, published: Path) -> None:
    model = ("--model", published / "2.0", "--preset", "ltx2_base", "--device", "cuda")
    stages = stages_of(plan(*model, "--offload", "component"))
    for stage in stages.values():
        least = stage["weight_bytes"] + stage["activation_bytes"]
        assert least <= stage["peak_bytes"] < least + 2**28


def test_streamed_blocks_are_not_in_memory_together(plan: Plan, published: Path) -> None:
    model = ("--model", published / "2.0", "--preset", "ltx2_base", "--device", "cuda")
    whole, found = plan(*model), plan(*model, "--offload", "block")
    assert found["weight_bytes"] == whole["weight_bytes"], "they are somewhere"
    resident, streamed = stages_of(whole), stages_of(found)
    for stage in streamed.values():
        least = stage["weight_bytes"] + stage["activation_bytes"]
        assert least <= stage["peak_bytes"] < least + 2**28
    for name, most in {"encode_text": 0.25, "denoise": 0.15, "decode_video": 1}.items():
        assert streamed[name]["weight_bytes"] <= most * resident[name]["weight_bytes"]


def test_the_distilled_preset_runs_one_pass_a_step(plan: Plan, published: Path) -> None:
    found = plan("--model", published / "2.3", "--preset", "ltx2_distilled", "--device", "cuda")
    denoise = stages_of(found)["denoise"]
    assert (denoise["steps"], denoise["passes_per_step"]) == (8, 1)
    assert len(stages_of(found)["encode_text"]["passes"]) == 1


def test_two_stages_run_at_half_size_and_at_full_size(plan: Plan, published: Path) -> None:
    found = plan("--model", published / "2.0", "--preset", "ltx2_two_stage", "--device", "cuda")
    loops = [s for s in found["segments"][0]["stages"] if s["kind"] == "LTX2DenoisingStage"]
    assert [loop["steps"] for loop in loops] == [8, 2]
    height, width = found["height"] // 32, found["width"] // 32
    shapes = [values_of(loop)["CleanLatents.video"][3:] for loop in loops]
    assert shapes == [[height // 2, width // 2], [height, width]]
    kinds = {s["kind"]: s for s in found["segments"][0]["stages"]}
    upsampling = kinds["LTX2UpsampleStage"]
    assert [each["name"] for each in upsampling["passes"]] == ["upsample"]
    assert upsampling["weight_bytes"] > 2**30


def test_states_that_carry_latents_move_the_encoding_to_the_segment_before(
    plan: Plan, published: Path
) -> None:
    model = ("--model", published / "2.0", "--preset", "ltx2_base", "--device", "cuda")
    frames = plan(*model, "--segments", "3")
    latents = plan(*model, "--segments", "3", "--set", "output.state_kind=ltx2.v2")
    encoding = stages_of(frames, 1)["prepare"]["flops"]
    assert encoding > 0 and stages_of(latents, 1)["prepare"]["flops"] == 0
    assert stages_of(frames)["remember"]["flops"] == 0
    assert stages_of(latents)["remember"]["flops"] == encoding
    named = stages_of(latents)["remember"]["passes"]
    assert [each["name"] for each in named] == ["encode frames"]


def test_a_segment_that_goes_on_has_what_the_first_lacks(plan: Plan, published: Path) -> None:
    model = ("--model", published / "2.0", "--preset", "ltx2_base", "--device", "cuda")
    found = plan(*model, "--segments", "3")
    first, second = stages_of(found), stages_of(found, 1)
    assert [segment["new_frames"] for segment in found["segments"]] == [121, 112, 112]
    assert first["prepare"]["flops"] == 0
    assert [each["name"] for each in second["prepare"]["passes"]] == ["encode frames"]
    assert values_of(second["denoise"])["CleanLatents.audio"] == [1, 8, 168, 16]
    assert second["denoise"]["flops"] > first["denoise"]["flops"]
    assert second["encode_text"]["flops"] * 2 == first["encode_text"]["flops"]
    samples = [
        values_of(stages_of(found, index)["decode_audio"])["Waveform.samples"][1]
        for index in range(3)
    ]
    # The hold-back of 180 ms is let out by the last; 10 to 50 ms are silence.
    assert 24000 * 345 / 24 - sum(samples) == pytest.approx(24000 * 0.03, abs=24000 * 0.021)


def counted(pipeline: lt.Pipeline, request: lt.GenerationRequest) -> tuple[int, Any]:
    """The FLOPs that torch counts in a run, and its result."""
    counter = FlopCounter()
    with sdpa_kernel(SDPBackend.MATH), counter:
        result = pipeline.generate(request)
    return counter.total, result


def take_of_two(
    path: Path, preset: str, sampling: lt.Sampling, **options: Any
) -> Iterator[tuple[int, Any]]:
    """FLOPs and result of the first segment of a take and of the last one."""
    with lt.load(path, family=family(), preset=preset, device="cpu", **options) as pipeline:
        goes_on = lt.Output(last=False, return_state=True)
        first = lt.GenerationRequest("fog", sampling=sampling, output=goes_on)
        flops, result = counted(pipeline, first)
        yield flops, result
        ends = lt.Output(last=True, return_state=True)
        sampling = lt.Sampling(num_frames=25, num_inference_steps=2)
        second = lt.GenerationRequest("rain", sampling=sampling, output=ends, state=result.state)
        yield counted(pipeline, second)


@pytest.mark.parametrize(
    ("generation", "numerics"),
    [("2.0", "official"), ("2.0", "diffusers"), ("2.3", "diffusers"), ("2.5", "official")],
)
def test_a_take_of_the_tiny_model_runs_what_the_plan_says(
    plan: Plan, checkpoints: Checkpoints, generation: Any, numerics: str
) -> None:
    path = checkpoints.path(generation)
    model = ("--model", path, "--device", "cpu", "--numerics", numerics, "--segments", "2")
    found = plan(*model, "--preset", "ltx2_tiny", "--steps", "2")
    sampling = lt.Sampling(num_inference_steps=2)
    take = take_of_two(path, "ltx2_tiny", sampling, numerics=numerics)
    for index, (flops, result) in enumerate(take):
        assert found["segments"][index]["flops"] == pytest.approx(flops, rel=0.02)
        stages = stages_of(found, index)
        frames = values_of(stages["decode_video"])["Frames.pixels"]
        assert frames == list(result.frames.shape)
        assert values_of(stages["decode_audio"])["Waveform.samples"] == list(result.audio.shape)


def test_two_stages_of_the_tiny_model_run_what_the_plan_says(
    plan: Plan, checkpoints: Checkpoints
) -> None:
    path = checkpoints.path("2.0")
    size: dict[str, Any] = {"height": 128, "width": 192, "num_frames": 25}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in size.items()]
    model = ("--model", path, "--device", "cpu", "--preset", "ltx2_two_stage", "--segments", "2")
    found = plan(*model, *options, "--steps", "2")
    sampling = lt.Sampling(**size, num_inference_steps=2)
    for index, (flops, _) in enumerate(take_of_two(path, "ltx2_two_stage", sampling)):
        assert found["segments"][index]["flops"] == pytest.approx(flops, rel=0.02)


def test_keyframes_without_images_run_what_the_plan_says(
    plan: Plan, checkpoints: Checkpoints
) -> None:
    path, preset = checkpoints.path("2.3"), "ltx2_3_keyframes"
    size: dict[str, Any] = {"height": 128, "width": 192, "num_frames": 25}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in size.items()]
    model = ("--model", path, "--device", "cpu", "--preset", preset)
    found = plan(*model, *options, "--steps", "2", "--set", "denoise.stg_blocks=[1]")
    request = lt.GenerationRequest(
        "fog",
        sampling=lt.Sampling(**size, num_inference_steps=2),
        stage_overrides={"denoise": {"stg_blocks": [1]}},
    )
    with lt.load(path, family=family(), preset=preset, device="cpu") as pipeline:
        flops, _ = counted(pipeline, request)
    assert found["flops"] == pytest.approx(flops, rel=0.02)


@pytest.mark.parametrize(("left_out", "output"), [("--no-audio", "audio"), ("--no-video", "video")])
def test_one_stream_alone_runs_what_the_plan_says(
    plan: Plan, checkpoints: Checkpoints, left_out: str, output: str
) -> None:
    path = checkpoints.path("2.0")
    model = ("--model", path, "--device", "cpu", "--preset", "ltx2_tiny", "--steps", "2")
    found = plan(*model, left_out)
    without: dict[str, Any] = {output: False}
    wanted = lt.Output(**without)
    sampling = lt.Sampling(num_inference_steps=2)
    request = lt.GenerationRequest("fog", sampling=sampling, output=wanted)
    with lt.load(path, family=family(), preset="ltx2_tiny", device="cpu") as pipeline:
        flops, _ = counted(pipeline, request)
    assert found["flops"] == pytest.approx(flops, rel=0.02)


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_weights_take_what_they_take_when_loaded(
    plan: Plan, checkpoints: Checkpoints, generation: Any
) -> None:
    path = checkpoints.path(generation)
    stages = stages_of(plan("--model", path, "--device", "cpu", "--preset", "ltx2_tiny"))
    loaded = networks(path)
    for stage, names in {
        "denoise": ["transformer"],
        "decode_audio": ["audio_vae", "vocoder"],
        "decode_video": ["vae"],
    }.items():
        tensors = [
            tensor
            for name in names
            for tensor in (*loaded[name].parameters(), *loaded[name].buffers())
        ]
        expected = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        assert stages[stage]["weight_bytes"] == expected


def test_without_a_model_the_tiny_one_is_planned(plan: Plan) -> None:
    found = plan("--preset", "ltx2_tiny")
    assert (found["family"], found["preset"]) == ("ltx2", "ltx2_tiny")
    assert 0 < found["flops"] < 1e12


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--num-frames", "26"], "sampling.num_frames"),
        (["--height", "500"], "sampling.height"),
        (["--preset", "ltx2_distilled", "--steps", "9"], "sampling.num_inference_steps"),
        (["--set", "denoise.stg_blocks=[48]"], "stage_overrides.denoise.stg_blocks"),
        (["--dtype", "int8"], "dtype"),
    ],
)
def test_what_a_run_would_refuse_is_refused(
    published: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["plan", "--model", str(published / "2.0"), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_two_stages_need_an_upsampler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_published(tmp_path / "real", "2.0")
    (folder / "spatial_upsampler" / "config.json").unlink()
    assert main(["plan", "--model", str(folder), "--preset", "ltx2_two_stage"]) == 2
    assert "upsampler" in capsys.readouterr().err


def test_a_missing_configuration_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_published(tmp_path / "real", "2.0")
    (folder / "vocoder" / "config.json").unlink()
    assert main(["plan", "--model", str(folder)]) == 2
    assert str(folder / "vocoder" / "config.json") in capsys.readouterr().err
