"""Videos that a segment follows: where their tokens lie, who sees them, when the LoRA is on."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve

import longtake as lt
from longtake_ltx2.clock import first_segment
from longtake_ltx2.conditioning.coordinates import reference_coordinates
from longtake_ltx2.conditioning.reference_checks import is_masked
from longtake_ltx2.conditioning.tokens import ConditioningTokens, conditioned_stream
from longtake_ltx2.denoising.denoiser import Denoiser
from longtake_ltx2.lora.adapters import Adapters
from longtake_ltx2.lora.references import ReferenceScales, reference_scales
from longtake_ltx2.numerics import OFFICIAL
from longtake_ltx2.stages import LTX2DenoisingStage
from longtake_ltx2.tiny.lora import write_tiny_lora
from longtake_ltx2.values import Geometry
from tests.ltx2.support import LatentProbe, moving_frames, probed_passes, relative_error

SIZE = lt.Sampling(height=128, width=128, num_frames=17, num_inference_steps=2)
IN_A_FRAME = 4
"""Tokens of the first pass."""


def video(count: int = 17) -> np.ndarray[Any, Any]:
    return np.stack(moving_frames(count, 64, 64))[:, ::-1].copy()


def follow(*references: lt.ReferenceInput, **fields: Any) -> lt.GenerationRequest:
    inputs = lt.Inputs(references=references)
    return lt.GenerationRequest("a bell", **{"sampling": SIZE, "inputs": inputs, **fields})


def lora_file(folder: Path, checkpoint: Path, **said: str) -> Path:
    name = "-".join(["lora", *said.values()])
    metadata = {f"reference_{key}_factor": value for key, value in said.items()}
    return write_tiny_lora(folder / f"{name}.safetensors", checkpoint, metadata=metadata)


@pytest.fixture(scope="module")
def loras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loras")


@pytest.fixture(scope="module")
def following(tiny: Path, loras: Path) -> Iterator[tuple[lt.Pipeline, LatentProbe]]:
    """Its LoRA says that references have half of the sides and half of the frames."""
    lora = lora_file(loras, tiny, downscale="2", temporal_scale="2")
    pipeline, probe = probed_passes(tiny, "ltx2_reference", lora_path=str(lora))
    yield pipeline, probe
    pipeline.close()


@pytest.mark.parametrize(
    ("time", "frames", "expected"),
    [
        (1, 17, [[0, 1], [1, 9], [9, 17]]),
        (2, 25, [[0, 1], [1, 17], [17, 33], [33, 49]]),
        (4, 9, [[0, 1], [1, 33]]),
    ],
)
def test_golden_places_in_time(time: int, frames: int, expected: list[list[int]]) -> None:
    """What ltx-core 1.2.0 gave, in frames of the segment."""
    small = Geometry(32, 32, first_segment(49, Fraction(24)))
    bounds = reference_coordinates(frames, small, "cpu", space=2, time=time)
    seconds = bounds[0, 0].double() * 24
    assert torch.allclose(seconds, torch.tensor(expected).double(), atol=1e-5)
    assert bounds[0, 1, 0].tolist() == bounds[0, 2, 0].tolist() == [0, 64]
    later = reference_coordinates(frames, small, "cpu", space=2, time=time, offset=0.5)
    assert torch.allclose(later[0, 0], bounds[0, 0] + 0.5)
    assert torch.equal(later[0, 1:], bounds[0, 1:])


def test_who_sees_whom() -> None:
    """The table of ltx-core: two of the segment's, one keyframe, two references, a keyframe."""

    def appended(count: int, attention: list[float] | None = None) -> ConditioningTokens:
        weights = None if attention is None else torch.tensor(attention)
        bounds = torch.zeros(1, 3, count, 2)
        return ConditioningTokens(torch.ones(1, count, 4), 0.0, None, bounds, weights)

    own = torch.zeros(1, 3, 2, 2)
    conditions = [appended(1), appended(2, [0.5, 0.0]), appended(1)]
    seen = conditioned_stream(torch.zeros(1, 6, 4), own, conditions).attention
    assert seen is not None
    assert seen.tolist() == [
        [1, 1, 1, 0.5, 0, 1],
        [1, 1, 1, 0.5, 0, 1],
        [1, 1, 1, 0, 0, 0],
        [0.5, 0.5, 0, 1, 1, 0],
        [0, 0, 0, 1, 1, 0],
        [1, 1, 0, 0, 0, 1],
    ]
    everyone = conditioned_stream(torch.zeros(1, 4, 4), own, [appended(1), appended(1)])
    assert everyone.attention is None


def test_the_reference_is_appended_in_the_first_pass_alone(
    following: tuple[lt.Pipeline, LatentProbe],
) -> None:
    pipeline, probe = following
    pipeline.generate(follow(lt.ReferenceInput.from_frames(video(), strength=0.75)))
    first, second = probe.noisy[-2:]
    own, added = 3 * IN_A_FRAME, 2 * 1
    assert first.video.latents.shape[1] == own + added
    assert second.video.latents.shape[1] == 3 * 16
    assert first.video.denoise_mask[0, :, 0].tolist() == [1] * own + [0.25] * added
    assert first.video.attention is None
    assert probe.clean[-2].video.shape[2:] == (3, 2, 2)


def test_the_lora_is_on_in_the_first_pass_unless_its_strength_in_the_second_is_said(
    tiny: Path, loras: Path, following: tuple[lt.Pipeline, LatentProbe]
) -> None:
    lora = lora_file(loras, tiny)
    both, _ = probed_passes(
        tiny,
        "ltx2_reference",
        lora_path=str(lora),
        preset_overrides={"denoise": {"lora_strength": 0.5}, "refine": {"lora_strength": 0.25}},
    )
    with both:
        for pipeline, expected in ((following[0], [[1.0]] * 2 + [[]] * 3), (both, None)):
            on = strengths(pipeline, follow(lt.ReferenceInput.from_frames(video())))
            assert on == (expected or [[0.5]] * 2 + [[0.25]] * 3)


def strengths(pipeline: lt.Pipeline, request: lt.GenerationRequest) -> list[list[float]]:
    """How strongly LoRAs are on at each forward."""
    found: list[list[float]] = []
    with pipeline.components() as components:
        adapters = Adapters(components["transformer"])

        def note(module: Any, args: Any) -> None:
            found.append(list(adapters.weights.values()))

        handle = components["transformer"].register_forward_pre_hook(note)
    try:
        pipeline.generate(request)
    finally:
        handle.remove()
    return found


def test_how_well_it_is_seen_changes_the_picture(
    following: tuple[lt.Pipeline, LatentProbe],
) -> None:
    pipeline, probe = following
    grey = np.full((17, 8, 8, 3), 255, np.uint8)
    made = []
    for said in ({}, {"attention": 0.5}, {"mask": grey}, {"attention": 0.5, "mask": grey}):
        pipeline.generate(follow(lt.ReferenceInput.from_frames(video(), **said)))
        made.append(probe.clean[-2].video)
    assert relative_error(made[0], made[1]) > 1e-3
    assert relative_error(made[0], made[2]) < 1e-5, "white and 1: seen as well as ever"
    assert relative_error(made[1], made[3]) < 1e-5


def test_the_exact_forward_takes_the_bias_as_the_plain_one_does(tiny: Path, loras: Path) -> None:
    """With all guidance, and in the place of attention that is perturbed none."""
    lora, made = lora_file(loras, tiny), []
    half = lt.ReferenceInput.from_frames(video(9), attention=0.5)
    small = lt.Sampling(height=64, width=64, num_frames=9, num_inference_steps=2)
    for forward in ("plain", "exact"):
        pipeline, probe = probed_passes(tiny, "ltx2_tiny", loras=(str(lora),), forward=forward)
        with pipeline:
            pipeline.generate(follow(half, sampling=small))
        made.append(probe.clean[-1])
    assert relative_error(made[0].video, made[1].video) < 1e-4


def test_a_take_goes_on_with_another_reference(following: tuple[lt.Pipeline, LatentProbe]) -> None:
    pipeline, probe = following
    output = lt.Output(return_state=True)
    first = pipeline.generate(follow(lt.ReferenceInput.from_frames(video()), output=output))
    other = lt.ReferenceInput.from_frames(video()[:, :, ::-1].copy(), attention=0.8)
    second = pipeline.generate(follow(other, output=output, state=first.state))
    assert len(second.frames) == 17 - 9
    stream = probe.noisy[-2].video
    assert stream.attention is not None
    offset = float(stream.coordinates[0, 0, 0, 0])
    assert offset > 0, "the sound goes before the picture"
    assert float(stream.coordinates[0, 0, 3 * IN_A_FRAME, 0]) == pytest.approx(offset)
    kept = stream.clean[:, : 2 * IN_A_FRAME]
    made = probe.clean[-2].video.flatten(2).transpose(1, 2)[:, : 2 * IN_A_FRAME]
    assert torch.equal(made, kept)


def test_2_5_has_no_fresh_noise_beside_a_reference(checkpoints: Any) -> None:
    pipeline, probe = probed_passes(checkpoints.path("2.5"), "ltx2_distilled")
    small = lt.Sampling(height=32, width=32, num_frames=9, num_inference_steps=2)
    half = follow(lt.ReferenceInput.from_frames(video(9)), sampling=small)
    with pipeline:
        pipeline.generate(half)
        for sampler in ("euler", "euler_ancestral"):
            pipeline.generate(evolve(half, stage_overrides={"denoise": {"sampler": sampler}}))
    assert torch.equal(probe.clean[0].video, probe.clean[1].video)
    assert not torch.equal(probe.clean[0].video, probe.clean[2].video)


def test_scales_in_the_header(tiny: Path, tmp_path: Path) -> None:
    plain, half = lora_file(tmp_path, tiny), lora_file(tmp_path, tiny, downscale="2")
    slow = lora_file(tmp_path, tiny, temporal_scale="4")
    assert reference_scales([]) == reference_scales([plain]) == ReferenceScales()
    assert reference_scales([plain, half, slow]) == ReferenceScales(space=2, time=4)
    for said in ("3", "0", "2.5", "much"):
        other = lora_file(tmp_path, tiny, downscale=said)
        with pytest.raises(lt.CheckpointError, match="reference_downscale_factor"):
            reference_scales([half, other])
    with pytest.raises(lt.CheckpointError, match="another LoRA has 2"):
        lt.load(
            tiny,
            preset="ltx2_reference",
            lora_path=str(half),
            loras=(str(lora_file(tmp_path, tiny, downscale="3")),),
            prepare=False,
        )


GREY = np.zeros((9, 8, 8, 3), np.uint8)
LONG = np.zeros((17, 8, 256, 3), np.uint8)


@pytest.mark.parametrize(
    ("path", "count", "said", "fields"),
    [
        ("inputs.references[0].data", 15, {}, {}),
        ("inputs.references[0].data", 9, {}, {}),  # of each two frames one is left out: 16 k + 1
        ("inputs.references[0].mask", 17, {"mask": GREY}, {}),
        ("inputs.references[0].mask", 17, {"mask": LONG}, {}),
        ("sampling.height", 17, {}, {"sampling": evolve(SIZE, height=192)}),
        ("inputs.references", 17, {}, {"output": lt.Output(video=False)}),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(
    following: tuple[lt.Pipeline, LatentProbe],
    path: str,
    count: int,
    said: dict[str, Any],
    fields: dict[str, Any],
) -> None:
    pipeline, probe = following
    before = len(probe.noisy)
    with pytest.raises(lt.ValidationError) as caught:
        pipeline.generate(follow(lt.ReferenceInput.from_frames(video(count), **said), **fields))
    assert caught.value.path == path
    assert len(probe.noisy) == before


def test_several_devices_refuse_what_is_weakened(tiny: Path, loras: Path) -> None:
    """Each of them has a share of the tokens, and the scores are of all."""
    whole = lt.ReferenceInput.from_frames(video())
    weaker = evolve(whole, attention=0.5)
    assert not is_masked(whole)
    assert is_masked(weaker)
    job = evolve(lt.Job.example(), inputs=lt.Inputs(references=(whole, weaker)))
    stage = LTX2DenoisingStage(object(), leader=object())  # type: ignore[arg-type]
    with pytest.raises(lt.ValidationError) as caught:
        stage.check(job, None)
    assert caught.value.path == "inputs.references[1].attention"
    stage.check(evolve(job, inputs=lt.Inputs(references=(whole,))), None)


def test_not_seen_at_all_is_the_lowest_number() -> None:
    """And what is hardly seen is no lower than the smallest number's logarithm."""

    seen = torch.tensor([[1.0, 0.5, 0.0, 1e-45]])
    network = SimpleNamespace(dtype=torch.float32)
    noisy: Any = SimpleNamespace(video=SimpleNamespace(attention=seen))
    nothing: Any = None
    bias = Denoiser(network, OFFICIAL, noisy, nothing, nothing, nothing, nothing)._bias
    finfo = torch.finfo(torch.float32)
    assert bias is not None
    expected = [0.0, float(np.log(0.5)), finfo.min, float(np.log(finfo.tiny))]
    assert bias[0].tolist() == pytest.approx(expected)
