"""Two stages: a pass at half size, the double size in latent space, and a short second pass."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import longtake as lt
from longtake_ltx2.latents import (
    audio_to_tokens,
    decodable_video,
    normalized_video,
    video_to_tokens,
)
from longtake_ltx2.tiny.lora import write_tiny_lora
from longtake_ltx2.values import CleanLatents
from tests.ltx2.inputs import image
from tests.ltx2.support import LatentProbe, moving_frames, probed_passes, relative_error

SIZE = lt.Sampling(height=128, width=128, num_frames=17, num_inference_steps=2)
PRESET = "ltx2_two_stage"


def asked(prompt: str = "a bell", **fields: Any) -> lt.GenerationRequest:
    return lt.GenerationRequest(prompt, **{"sampling": SIZE, **fields})


def same(one: CleanLatents, other: CleanLatents) -> bool:
    return torch.equal(one.video, other.video) and torch.equal(one.audio, other.audio)


@pytest.fixture(scope="module")
def plain(tiny: Path) -> Iterator[tuple[lt.Pipeline, LatentProbe]]:
    """Two stages without a LoRA; the probe has one run's passes, more follow."""
    pipeline, probe = probed_passes(tiny, PRESET)
    pipeline.generate(asked())
    yield pipeline, probe
    pipeline.close()


@pytest.fixture(scope="module")
def lora(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_lora(tmp_path_factory.mktemp("lora") / "refine.safetensors", tiny)


@pytest.fixture(scope="module")
def refined(tiny: Path, lora: Path) -> Iterator[tuple[lt.Pipeline, LatentProbe]]:
    pipeline, probe = probed_passes(tiny, PRESET, lora_path=str(lora))
    yield pipeline, probe
    pipeline.close()


def test_an_upsampler_that_makes_it_half_as_large_again(tiny: Path, tmp_path: Path) -> None:
    """As one is published: the first pass is at two thirds of the size."""
    weights = load_file(tiny / "spatial_upsampler" / "diffusion_pytorch_model.safetensors")
    conv = weights["upsampler.conv.weight"]
    generator = torch.Generator().manual_seed(0)
    weights["upsampler.conv.weight"] = 0.1 * torch.randn(
        9 * conv.shape[1], *conv.shape[1:], generator=generator
    )
    weights["upsampler.conv.bias"] = torch.zeros(9 * conv.shape[1])
    path = tmp_path / "spatial-upscaler-x1.5.safetensors"
    save_file(weights, path, {"config": '{"spatial_scale": 1.5}'})
    pipeline, probe = probed_passes(tiny, PRESET, upsampler_weights=str(path))
    size = attrs.evolve(SIZE, height=96, width=192, num_frames=9)
    with pipeline:
        result = pipeline.generate(asked(sampling=size))
        with pytest.raises(lt.ValidationError, match="must divide by 96"):
            pipeline.generate(asked(sampling=attrs.evolve(size, height=128)))
    first, second = probe.clean
    assert first.video.shape[3:] == (2, 4)
    assert second.video.shape[3:] == (3, 6)
    assert result.frames.shape[1:3] == (96, 192)


@contextmanager
def failing_at(pipeline: lt.Pipeline, forward: int) -> Iterator[None]:
    """The transformer raises in this forward pass of the next request."""
    forwards = iter(range(1000))

    def fail(module: Any, args: Any) -> None:
        if next(forwards) == forward:
            raise RuntimeError("the device is gone")

    with pipeline.components() as components:
        handle = components["transformer"].register_forward_pre_hook(fail)
    try:
        yield
    finally:
        handle.remove()


def test_the_first_pass_is_at_half_size_and_the_second_at_full(
    plain: tuple[lt.Pipeline, LatentProbe],
) -> None:
    first, second = plain[1].clean[:2]
    assert first.video.shape[2:] == (3, 2, 2)
    assert second.video.shape[2:] == (3, 4, 4)
    assert first.audio.shape == second.audio.shape
    assert not torch.equal(first.audio, second.audio)


def test_the_lora_changes_the_second_pass_only(
    plain: tuple[lt.Pipeline, LatentProbe], refined: tuple[lt.Pipeline, LatentProbe]
) -> None:
    pipeline, probe = refined
    for _ in range(2):
        pipeline.generate(asked())
        first, second = probe.clean[-2:]
        assert same(first, plain[1].clean[0])
        assert not torch.equal(second.video, plain[1].clean[1].video)
        assert not torch.equal(second.audio, plain[1].clean[1].audio)


@pytest.mark.parametrize("forward", [1, 2, 3])
def test_a_request_after_a_failed_one_sees_no_lora(
    plain: tuple[lt.Pipeline, LatentProbe],
    refined: tuple[lt.Pipeline, LatentProbe],
    forward: int,
) -> None:
    """It fails in the first pass, and in the first and second step of the second one."""
    pipeline, probe = refined
    pipeline.generate(asked())
    expected = probe.clean[-1]
    with failing_at(pipeline, forward), pytest.raises(lt.StageError, match="the device is gone"):
        pipeline.generate(asked())
    pipeline.generate(asked())
    assert same(probe.clean[-2], plain[1].clean[0])
    assert same(probe.clean[-1], expected)


def test_a_request_after_a_cancelled_one_sees_no_lora(
    plain: tuple[lt.Pipeline, LatentProbe], refined: tuple[lt.Pipeline, LatentProbe]
) -> None:
    pipeline, probe = refined
    for event in pipeline.stream(asked()):
        if isinstance(event, lt.Progress) and event.stage == "refine" and event.step == 1:
            break
    pipeline.generate(asked())
    assert same(probe.clean[-2], plain[1].clean[0])


def test_without_the_second_pass_it_is_the_run_of_one_pass(tiny: Path) -> None:
    off = {"refine": {"enabled": False}}
    with (
        lt.load(tiny, preset=PRESET, preset_overrides=off) as disabled,
        lt.load(tiny, preset="ltx2_distilled") as one_pass,
    ):
        actual, expected = disabled.generate(asked()), one_pass.generate(asked())
    assert np.array_equal(actual.frames, expected.frames)
    assert actual.audio is not None and expected.audio is not None
    assert np.array_equal(actual.audio, expected.audio)


def test_without_noise_the_second_pass_starts_from_the_first_ones_latents(tiny: Path) -> None:
    pipeline, probe = probed_passes(tiny, PRESET, preset_overrides={"refine": {"add_noise": False}})
    with pipeline:
        pipeline.generate(asked())
        first, start = probe.clean[0], probe.noisy[1]
        with pipeline.components() as components, torch.no_grad():
            vae = components["vae"]
            doubled = components["upsampler"](decodable_video(first.video, vae))
            expected = video_to_tokens(normalized_video(doubled, vae))
    assert torch.equal(start.video.latents, expected)
    assert torch.equal(start.audio.latents, audio_to_tokens(first.audio))


def test_the_second_pass_has_two_steps_or_three(plain: tuple[lt.Pipeline, LatentProbe]) -> None:
    pipeline, probe = plain
    results = {}
    for steps in (None, 2, 3):
        overrides = {} if steps is None else {"refine": {"num_inference_steps": steps}}
        events = list(pipeline.stream(asked(stage_overrides=overrides)))
        progress = [e for e in events if isinstance(e, lt.Progress) and e.stage == "refine"]
        assert max(event.step for event in progress) == (steps or 2)
        results[steps] = probe.clean[-1]
    assert same(results[None], results[2])
    assert not same(results[2], results[3])


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (
            "stage_overrides.refine.num_inference_steps",
            {"stage_overrides": {"refine": {"num_inference_steps": 4}}},
        ),
        ("sampling.height", {"sampling": lt.Sampling(height=96, width=128, num_frames=17)}),
        ("sampling.width", {"sampling": lt.Sampling(height=128, width=160, num_frames=17)}),
    ],
)
def test_what_two_stages_cannot_do_is_refused(
    plain: tuple[lt.Pipeline, LatentProbe], path: str, fields: dict[str, Any]
) -> None:
    pipeline, probe = plain
    before = len(probe.clean)
    with pytest.raises(lt.ValidationError) as refused:
        pipeline.generate(asked(**fields))
    assert refused.value.path == path
    assert len(probe.clean) == before


def test_a_checkpoint_without_an_upsampler_says_what_to_give(tiny: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(tiny, bare, ignore=shutil.ignore_patterns("spatial_upsampler"))
    with pytest.raises(lt.CheckpointError, match="upsampler_weights="):
        lt.load(bare, preset=PRESET)


def test_the_upsampler_may_lie_elsewhere(
    plain: tuple[lt.Pipeline, LatentProbe], tiny: Path, tmp_path: Path
) -> None:
    bare, elsewhere = tmp_path / "bare", tmp_path / "upsampler"
    shutil.copytree(tiny, bare, ignore=shutil.ignore_patterns("spatial_upsampler"))
    shutil.copytree(tiny / "spatial_upsampler", elsewhere)
    (weights,) = elsewhere.glob("*.safetensors")
    for given in (elsewhere, weights):
        pipeline, probe = probed_passes(bare, PRESET, upsampler_weights=str(given))
        with pipeline:
            pipeline.generate(asked())
        assert same(probe.clean[-1], plain[1].clean[1])


def test_images_condition_both_passes(plain: tuple[lt.Pipeline, LatentProbe]) -> None:
    pipeline, probe = plain
    pixels = moving_frames(1, 128, 128)[0]
    images = tuple(lt.ImageInput.from_pixels(pixels, frame=frame) for frame in (0, -1))
    pipeline.generate(asked(inputs=lt.Inputs(images=images)))
    for noisy, clean, tokens in zip(probe.noisy[-2:], probe.clean[-2:], (4, 16), strict=True):
        video = noisy.video
        assert video.latents.shape[1] == 3 * tokens + tokens
        assert (video.denoise_mask[0, :, 0] == 0).nonzero().flatten().tolist() == [
            *range(tokens),
            *range(3 * tokens, 4 * tokens),
        ]
        assert torch.equal(video_to_tokens(clean.video)[:, :tokens], video.clean[:, :tokens])


@pytest.mark.parametrize(("sound", "heard"), [(None, 0), ("first", 0), ("second", 1)])
def test_the_guided_recipe_lets_the_first_pass_be_heard(
    tiny: Path, sound: str | None, heard: int
) -> None:
    pipeline, probe = probed_passes(
        tiny, "ltx2_two_stage_guided", preset_overrides={"refine": {"sound": sound}}
    )
    with pipeline:
        request = asked(
            stage_overrides={"denoise": {"stg_blocks": [1]}}, output=lt.Output(return_state=True)
        )
        result = pipeline.generate(request)
    assert result.options["refine"].num_inference_steps == 3
    first, second = probe.clean
    assert relative_error(first.audio, second.audio) > 1e-3
    assert result.live_state is not None
    carried = result.live_state.value().audio_latents
    assert torch.equal(carried, probe.clean[heard].audio)


def test_keyframes_are_appended_in_both_passes_and_the_take_goes_on(tiny: Path) -> None:
    pipeline, probe = probed_passes(tiny, "ltx2_keyframes")
    images = tuple(image(frame) for frame in (0, 12, -1))
    onwards = lt.Output(last=False, return_state=True)
    options: dict[str, Any] = {"stage_overrides": {"denoise": {"stg_blocks": [1]}}}
    with pipeline:
        first = pipeline.generate(asked(inputs=lt.Inputs(images=images), output=onwards, **options))
        second = pipeline.generate(
            asked(inputs=lt.Inputs(images=images[1:]), state=first.state, **options)
        )
    one, two, three, four = (noisy.video for noisy in probe.noisy)
    for video, appended in ((one, 3), (two, 3), (three, 2), (four, 2)):
        tokens = video.latents.shape[1] // (3 + appended)
        kept = (video.denoise_mask[0, :, 0] == 0).nonzero().flatten()
        own = 2 if appended == 2 else 0  # the latent frames of the segment before
        places = [*range(own * tokens), *range(3 * tokens, (3 + appended) * tokens)]
        assert kept.tolist() == places
    assert first.live_state is not None
    assert torch.equal(first.live_state.value().audio_latents, probe.clean[1].audio)
    assert len(second.frames) == len(first.frames) - 9


@pytest.mark.parametrize("appended", [0, "yes", None])
def test_whether_images_are_appended_is_yes_or_no(tiny: Path, appended: object) -> None:
    with lt.load(tiny, prepare=False) as pipeline, pytest.raises(lt.ValidationError) as caught:
        pipeline.check(asked(stage_overrides={"prepare": {"append_first": appended}}))
    assert caught.value.path == "stage_overrides.prepare.append_first"
