"""Every stage says what it makes and takes: LTX-2's own all do, another's may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel

import longtake as lt
from longtake.cli import main
from longtake.plugins.loading import Plugin
from longtake_ltx2.estimating.measuring import measure, weight_bytes
from longtake_ltx2.loading.neighborhood import NeighborhoodAttention
from longtake_ltx2.values import CleanLatents
from tests.ltx2.support import Checkpoints, FlopCounter, family, networks
from tests.ltx2.test_plan import Plan, plan, stages_of, values_of

__all__ = ["plan"]

SMALL = ("--height", "128", "--width", "192", "--num-frames", "25", "--steps", "2")
ONE_BLOCK = ("--set", "denoise.stg_blocks=[1]")
DIFFUSION = "decode_video.decoder=diffusion"
PRESETS = [f"{preset.name}@{preset.version}" for preset in family().presets]


def installed() -> Iterable[lt.ModelFamily]:
    """The families that are installed and tell what a take will need."""
    found = [provided.value for provided in lt.Registry.default().families]
    return [each for each in found if each.estimate is not None]


def stage_classes(declared: lt.ModelFamily) -> Iterator[tuple[str, Any]]:
    """Every stage of every recipe of a segment, by preset and name."""
    for preset in declared.presets:
        for spec in declared.recipe(preset):
            stage = spec.stage
            resolved = lt.Reference(stage).resolve() if isinstance(stage, str) else stage
            yield f"{declared.name}: {preset.name}: {spec.name}", resolved


def test_every_stage_of_every_preset_can_be_estimated() -> None:
    stages = [each for declared in installed() for each in stage_classes(declared)]
    assert len(stages) > 7 * len(PRESETS)
    assert [n for n, stage in stages if not isinstance(stage, lt.SupportsEstimate)] == []


@pytest.mark.parametrize("preset", PRESETS)
def test_no_stage_of_a_plan_is_left_out(plan: Plan, checkpoints: Checkpoints, preset: str) -> None:
    can_choose = "decode_video" in family().preset(preset).overrides
    for chosen in ((), ("--preset-override", DIFFUSION)) if can_choose else ((),):
        model = ("--model", checkpoints.path("2.5"), "--device", "cpu", "--preset", preset)
        for stage in plan(*model, *SMALL, *ONE_BLOCK, *chosen)["segments"][0]["stages"]:
            assert stage["note"] in ("", "a LoRA is not counted"), stage["name"]
            assert stage["peak_bytes"] > 0


def test_the_diffusion_decoder_runs_what_the_plan_says(
    plan: Plan, checkpoints: Checkpoints
) -> None:
    path = checkpoints.path("2.5")
    model = ("--model", path, "--device", "cpu", "--preset", "ltx2_5_distilled")
    found = plan(*model, *SMALL, "--preset-override", DIFFUSION)
    decode = stages_of(found)["decode_video"]
    sampling = lt.Sampling(height=128, width=192, num_frames=25, num_inference_steps=2)
    counter = FlopCounter()
    overrides = {"decode_video": {"decoder": "diffusion"}}
    options: dict[str, Any] = {"preset": "ltx2_5_distilled", "preset_overrides": overrides}
    with (
        lt.load(path, family=family(), device="cpu", **options) as pipeline,
        sdpa_kernel(SDPBackend.MATH),
        counter,
    ):
        result = pipeline.generate(lt.GenerationRequest("fog", sampling=sampling))
    assert found["flops"] == pytest.approx(counter.total, rel=0.02)
    assert decode["kind"] == "LTX2DiffusionDecodingStage"
    assert values_of(decode)["Frames.pixels"] == list(result.frames.shape)
    loaded = networks(path)["diffusion_decoder"]
    assert decode["weight_bytes"] == decode["weights"]["diffusion_decoder"] == weight_bytes(loaded)


@pytest.mark.parametrize("size", [(25, 128, 192), (33, 256, 128)])
def test_the_diffusion_decoder_alone_takes_what_its_estimate_says(
    plan: Plan, checkpoints: Checkpoints, size: tuple[int, int, int]
) -> None:
    """With its own attention, tile by tile, on the meta device."""
    import torch

    frames, height, width = size
    path = checkpoints.path("2.5")
    where = ("--height", str(height), "--width", str(width), "--num-frames", str(frames))
    model = ("--model", path, "--device", "cpu", "--preset", "ltx2_5_distilled", *where)
    arguments = ("--overlap-frames", "1", "--steps", "2", "--preset-override", DIFFUSION)
    decode = stages_of(plan(*model, *arguments))["decode_video"]
    network = networks(path)["diffusion_decoder"].to("meta")
    network.set_attn_processor(NeighborhoodAttention())
    latents = torch.empty(
        1, 8, (frames - 1) // 8 + 1, height // 32, width // 32, device="meta", dtype=network.dtype
    )
    cost = measure(network, lambda: network.decode(latents, return_dict=False)[0])
    assert decode["flops"] == cost.flops
    held = decode["activation_bytes"] - 3 * frames * height * width
    assert held == pytest.approx(cost.activation_bytes, rel=0.15)


def sharpen(clean: CleanLatents) -> CleanLatents:
    """Another package's stage, that has no estimate."""
    return clean


class Soften:
    """One that has."""

    @staticmethod
    def estimate(spec: lt.StageSpec, scene: Any) -> lt.StageEstimate:
        tokens = scene.geometry.video_tokens
        return lt.StageEstimate(
            passes=[lt.PassEstimate("blur", tokens)], weight_bytes=1000, steps=spec.arguments["n"]
        )

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, clean: CleanLatents) -> CleanLatents:
        return clean


def with_stages(*specs: lt.StageSpec) -> lt.ModelFamily:
    """LTX-2 with these behind the denoising loop."""
    declared, stages = family(), []
    for spec in declared.stages:
        stages.append(spec)
        if spec.name == "denoise":
            stages.extend(specs)
    return declared.evolve(stages=tuple(stages))


def test_a_stage_of_another_package_is_counted_or_named_as_not_estimated(
    plan: Plan, tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--model", tiny, "--device", "cpu", "--preset", "ltx2_tiny", "--steps", "2")
    plain = plan(*arguments)
    soften = lt.StageSpec("soften", Soften, arguments={"n": 3})
    declared = with_stages(lt.StageSpec("sharpen", sharpen), soften)
    plugin = Plugin("more", "longtake-more", "1.0", "loaded", families=(declared,))
    registry = lt.Registry([plugin])
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)
    found = plan(*arguments)
    assert stages_of(found)["sharpen"]["note"] == "not estimated"
    assert stages_of(found)["soften"]["flops"] == 3 * 4 * 2 * 3
    assert found["flops"] == plain["flops"] + 3 * 4 * 2 * 3
    assert found["weight_bytes"] == plain["weight_bytes"] + 1000
    assert main(["plan", *map(str, arguments)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["sharpen", "-", "not", "estimated"] in [line[:4] for line in lines]
