"""Previews while a picture is denoised: what they show, what they cost, who asks for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake.cli import main
from longtake.takes.notes import read_take_record
from longtake_ltx2.denoising.previews import ColorFit, LatentColors, drawn_clips, mean_colors
from longtake_ltx2.loading.model import load as load_networks
from longtake_ltx2.stages import LTX2DenoisingStage
from tests.ltx2.support import Checkpoints, family, probed_passes
from tests.ltx2.watching import Watched, quick

SIZE: dict[str, Any] = {"height": 64, "width": 96, "num_frames": 17}
CELLS = (3, 2, 3, 3)
"""Of a segment of this size: latent frames, rows, columns, colours."""


NETWORKS = ("transformer", "vae.encoder", "vae.decoder", "audio_vae.decoder", "vocoder")


@pytest.fixture(scope="module")
def watched(checkpoints: Checkpoints) -> Iterator[Watched]:
    watched = Watched(checkpoints.path("2.0"))
    yield watched
    watched.pipeline.close()


def request(**overrides: Any) -> lt.GenerationRequest:
    return lt.GenerationRequest(
        "a lighthouse", sampling=lt.Sampling(**SIZE, seed=3), stage_overrides=quick(**overrides)
    )


def previews_of(pipeline: lt.Pipeline, request: lt.GenerationRequest) -> list[lt.Preview]:
    return [event for event in pipeline.stream(request) if isinstance(event, lt.Preview)]


def tell(fit: ColorFit) -> None:
    """Print how well the map fits: seen with ``pytest -s``."""
    residual, deviation = f"residual {fit.residual:.4f}", f"a deviation of {fit.deviation:.4f}"
    sys.stdout.write(f"{residual} of {deviation}, colours in [-1, 1]\n")


class LinearVAE:
    """One whose channels are a mixture of the mean colours, of an offset and of what is no colour.

    ``calls``: how often it has encoded.
    """

    dtype = torch.float32
    latents_mean, latents_std = torch.full((12,), 0.25), torch.full((12,), 3.0)
    config = SimpleNamespace(latent_channels=12, scaling_factor=1.0)

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(5)
        self._mixture = torch.randn((12, 3), generator=generator)
        self._noise = torch.Generator().manual_seed(6)
        self.calls = 0

    def encode(self, clips: torch.Tensor) -> Any:
        self.calls += 1
        mixed = torch.einsum("kc,ncthw->nkthw", self._mixture, mean_colors(clips)) + 0.5
        mixed[:, 6:] += torch.randn(mixed[:, 6:].shape, generator=self._noise)
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: mixed))


def test_the_map_of_a_linear_vae_is_found() -> None:
    vae = LinearVAE()
    colors = LatentColors(lambda: vae)
    assert vae.calls == 0
    fit = colors.fit("cpu")
    tell(fit)
    assert fit.residual < 0.01 < 0.2 < fit.deviation
    clips = drawn_clips(1, seed=99)
    latents = (vae.encode(clips).latent_dist.mode() - 0.25) / 3
    calls = vae.calls
    expected = (mean_colors(clips)[0].permute(1, 2, 3, 0) / 2 + 0.5) * 255
    assert np.abs(colors(latents) - expected.numpy()).max() < 4
    assert colors.fit("cpu") is fit
    assert vae.calls == calls


def test_the_map_of_a_random_vae_tells_some_of_the_colours(watched: Watched) -> None:
    fit = watched.components["latent_colors"].fit("cpu")
    tell(fit)
    assert fit.residual < 0.95 * fit.deviation


def test_what_lies_under_a_cell() -> None:
    clip = torch.zeros((1, 3, 9, 64, 32))
    clip[:, 0, 0] = 1.0
    clip[:, 1, 8, 32:] = 0.8
    colors = mean_colors(clip)
    assert colors.shape == (1, 3, 2, 2, 1)
    assert colors[0, 0].flatten().tolist() == [1.0, 1.0, 0.0, 0.0]
    assert colors[0, 1].flatten().tolist() == pytest.approx([0.0, 0.0, 0.0, 0.1], abs=1e-5)


@pytest.mark.parametrize("sampler", ["euler", "res_2s"])
def test_a_preview_after_every_so_many_steps_and_the_same_bits(
    watched: Watched, sampler: str
) -> None:
    steps: dict[str, Any] = {"num_inference_steps": 4, "sampler": sampler, "skip_step": 1}
    watched.components["latent_colors"].fit("cpu")
    with watched.counted() as ran:
        expected = watched.pipeline.generate(request(**steps))
        without = {name: ran[name] for name in NETWORKS}
    with watched.counted() as ran:
        events = list(watched.pipeline.stream(request(**steps, preview_every=2)))
        assert {name: ran[name] for name in NETWORKS} == without
    previews = [event for event in events if isinstance(event, lt.Preview)]
    total = 9 if sampler == "res_2s" else 4
    told = [(each.stage, each.step, each.total) for each in previews]
    assert told == [("denoise", step, total) for step in range(2, total + 1, 2)]
    assert all(each.pixels.shape == CELLS for each in previews)
    assert all(each.pixels.dtype == np.uint8 for each in previews)
    for preview in previews:
        following = events[events.index(preview) + 1]
        assert following == lt.Progress("denoise", preview.step, total)
    final = events[-1]
    assert isinstance(final, lt.Final)
    assert np.array_equal(final.result.frames, expected.frames)
    assert expected.audio is not None
    assert final.result.audio is not None
    assert np.array_equal(final.result.audio, expected.audio)


def test_the_last_preview_shows_the_clean_latents_and_each_pass_its_own(
    checkpoints: Checkpoints,
) -> None:
    pipeline, probe = probed_passes(checkpoints.path("2.0"), "ltx2_two_stage")
    every = {name: {"num_inference_steps": 2, "preview_every": 2} for name in ("denoise", "refine")}
    sampling = lt.Sampling(height=64, width=128, num_frames=9, seed=3)
    asked = lt.GenerationRequest("a lighthouse", sampling=sampling, stage_overrides=every)
    with pipeline:
        first, second = previews_of(pipeline, asked)
        with pipeline.components() as components:
            colors = components["latent_colors"]
    assert (first.stage, first.pixels.shape) == ("denoise", (2, 1, 2, 3))
    assert (second.stage, second.pixels.shape) == ("refine", (2, 2, 4, 3))
    for preview, clean in zip((first, second), probe.clean, strict=True):
        difference = preview.pixels.astype(int) - colors(clean.video)
        assert np.abs(difference).max() <= 1  # the last step rounds


def test_what_is_kept_is_shown_as_it_is(watched: Watched) -> None:
    picture = np.full((64, 96, 3), (200, 40, 90), np.uint8)
    image = lt.ImageInput.from_pixels(picture)
    asked = request(num_inference_steps=3, preview_every=1)
    shown = previews_of(
        watched.pipeline,
        lt.GenerationRequest(
            asked.prompt,
            sampling=asked.sampling,
            stage_overrides=asked.stage_overrides,
            inputs=lt.Inputs(images=(image,)),
        ),
    )
    assert len(shown) == 3
    assert all(np.array_equal(each.pixels[0], shown[0].pixels[0]) for each in shown)
    assert not np.array_equal(shown[0].pixels[1:], shown[-1].pixels[1:])


def test_nobody_asks_or_reads_and_nothing_is_fitted(checkpoints: Checkpoints) -> None:
    observed: list[lt.RunEvent] = []
    model = load_networks(lt.ModelSource(path=checkpoints.path("2.0")))
    encoded = []
    model.components["vae"].encoder.register_forward_pre_hook(lambda *_: encoded.append(1))
    preset = family().preset("ltx2_tiny")
    with lt.Pipeline(
        family(), preset=preset, model=model, observers=(observed.append,)
    ) as pipeline:
        assert previews_of(pipeline, request()) == []
        pipeline.generate(request(preview_every=1))
        assert observed
        assert encoded == []
        assert len(previews_of(pipeline, request(preview_every=1))) == 2
        fitted = len(encoded)
        assert 0 < fitted < 20
        previews_of(pipeline, request(preview_every=1))
        assert len(encoded) == fitted


def test_sound_alone_and_stages_without_a_vae_refuse(watched: Watched) -> None:
    sound = lt.GenerationRequest(
        "waves", output=lt.Output(video=False), stage_overrides=quick(preview_every=1)
    )
    with pytest.raises(lt.ValidationError, match="video is false") as refused:
        watched.pipeline.generate(sound)
    assert refused.value.path == "stage_overrides.denoise.preview_every"
    job = watched.pipeline.resolve(request(preview_every=1))
    stage = LTX2DenoisingStage(watched.components["transformer"])
    options = watched.pipeline.check(request(preview_every=1)).options["denoise"]
    with pytest.raises(lt.ValidationError, match="video VAE"):
        stage.check(job, options)


def test_another_family_says_where_it_has_none() -> None:
    with lt.load(family="pendulum") as pipeline, pytest.raises(lt.ValidationError) as refused:
        pipeline.check(lt.GenerationRequest("x", stage_overrides={"denoise": {"preview_every": 1}}))
    assert refused.value.path.startswith("stage_overrides.denoise")


def test_the_command_writes_one_for_each_step(tiny: Path, tmp_path: Path) -> None:
    small = ("--height", "64", "--width", "64", "--num-frames", "9", "--steps", "2")
    told = ("--model", str(tiny), "--preset", "ltx2_tiny", "--device", "cpu")
    shown, take = tmp_path / "shown", tmp_path / "take.mp4"
    command = ("generate", "fog", "rain", *told, *small, "--overlap-frames", "1")
    assert main([*command, "-o", str(take), "--preview", str(shown)]) == 0
    names = {f"take-{segment:03d}-denoise-{step:03d}.png" for segment in (1, 2) for step in (1, 2)}
    assert {path.name for path in shown.iterdir()} == names
    asked = read_take_record(take).asked
    assert asked is not None
    assert "preview_every" not in str(asked)
