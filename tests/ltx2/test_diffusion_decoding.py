"""The diffusion decoder: as diffusers decodes, within memory, refusing what it cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.clock import SegmentClock, first_segment
from longtake_ltx2.loading.neighborhood import NeighborhoodAttention
from longtake_ltx2.stages import LTX2DiffusionDecodingStage
from longtake_ltx2.stages.diffusion_decoding import decoding_seed
from longtake_ltx2.values import CleanLatents, Geometry
from tests.ltx2.support import Checkpoints, networks, relative_error

FPS = lt.Job.example().sampling.fps
TOLERANCE = 1e-5

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


@pytest.fixture(scope="module")
def folder(checkpoints: Checkpoints) -> Path:
    return checkpoints.path("2.5")


@pytest.fixture(scope="module")
def stage(folder: Path) -> LTX2DiffusionDecodingStage:
    components = networks(folder)
    return LTX2DiffusionDecodingStage(components["diffusion_decoder"], components["vae"])


def latents(frames: int, height: int, width: int, seed: int = 1) -> CleanLatents:
    generator = torch.Generator().manual_seed(seed)
    video = torch.randn(1, 8, frames, height, width, generator=generator)
    return CleanLatents(video, torch.zeros(1, 2, 26, 3))


def job(**sampling: Any) -> lt.Job:
    example = lt.Job.example()
    return attrs.evolve(example, sampling=attrs.evolve(example.sampling, **sampling))


def segment(num_frames: int, height: int, width: int, repeated: int = 0) -> Geometry:
    clock: SegmentClock = first_segment(num_frames, FPS)
    return Geometry(height, width, attrs.evolve(clock, repeated_frames=repeated))


@pytest.mark.parametrize(("frames", "height", "width"), [(2, 1, 1), (3, 1, 2)])
def test_pictures_are_those_of_diffusers(
    folder: Path, stage: LTX2DiffusionDecodingStage, frames: int, height: int, width: int
) -> None:
    """diffusers' pipeline, with its own attention, its own statistics and the same generator."""
    from diffusers import (
        AutoencoderKLLTX2Video,
        FlowMatchEulerDiscreteScheduler,
        LTX2VideoDiffusionDecoderModel,
    )
    from diffusers.pipelines.ltx2.pipeline_ltx2_diffusion_decode import (
        LTX2VideoDiffusionDecodePipeline,
    )

    noisy = latents(frames, height, width)
    pipe: Any = LTX2VideoDiffusionDecodePipeline(
        LTX2VideoDiffusionDecoderModel.from_pretrained(folder / "diffusion_decoder"),
        FlowMatchEulerDiscreteScheduler(),
        AutoencoderKLLTX2Video.from_pretrained(folder / "vae"),
    )
    task = job()
    generator = torch.Generator("cpu").manual_seed(decoding_seed(task))
    expected = pipe(noisy.video, generator=generator, output_type="np").frames[0]
    geometry = segment(8 * (frames - 1) + 1, 32 * height, 32 * width)
    made, *_ = stage(noisy, geometry, task)
    assert made.pixels.shape == (8 * (frames - 1) + 1, 32 * height, 32 * width, 3)
    assert np.abs((expected * 255).round() - made.pixels).max() <= 1
    assert made.pixels.std() > 10


@contextmanager
def without_masks() -> Iterator[pytest.MonkeyPatch]:
    from diffusers.models.autoencoders import ltx2_diffusion_decoder

    def refuse(*arguments: Any) -> None:
        raise AssertionError("a mask of tokens x tokens was made")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ltx2_diffusion_decoder, "_neighborhood_block_mask", refuse)
        yield patch


def test_no_mask_of_all_tokens_is_made(stage: LTX2DiffusionDecodingStage) -> None:
    with without_masks():
        made, *_ = stage(latents(4, 2, 3), segment(25, 64, 96), job())
    assert made.pixels.shape == (25, 64, 96, 3)


@pytest.mark.parametrize("kernel", [(3, 3, 3), (3, 5, 4), (11, 9, 1)])
@pytest.mark.parametrize("grid", [(11, 9, 10), (12, 17, 9)])
def test_attention_is_diffusers_own(
    kernel: tuple[int, int, int], grid: tuple[int, int, int]
) -> None:
    """Windows in the middle and at every border, odd and even, in grids of one tile and more."""
    from diffusers.models.autoencoders import ltx2_diffusion_decoder as theirs

    torch.manual_seed(0)
    attention = theirs.LTX2VideoVaeNeighborhoodAttention(16, kernel, head_dim=8)
    tokens = torch.randn(2, *grid, 16)
    with torch.no_grad():
        expected = attention(tokens)
        attention.set_processor(NeighborhoodAttention())
        actual = attention(tokens)
    assert relative_error(expected, actual) < TOLERANCE


def test_the_noise_follows_the_segments_seed(stage: LTX2DiffusionDecodingStage) -> None:
    noisy, geometry = latents(2, 1, 1), segment(9, 32, 32)
    first, *_ = stage(noisy, geometry, job())
    again, *_ = stage(noisy, geometry, job())
    other, *_ = stage(noisy, geometry, attrs.evolve(job(), segment_seed=99))
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, other.pixels)
    wide = attrs.evolve(job(), segment_seed=job().segment_seed + 2**32)
    wider = attrs.evolve(job(), segment_seed=job().segment_seed + 2**63)
    pictures = [first, *(stage(noisy, geometry, each)[0] for each in (wide, wider))]
    assert len({each.pixels.tobytes() for each in pictures}) == 3


def test_repeated_frames_are_cut_off_and_the_last_ones_carried_on(
    stage: LTX2DiffusionDecodingStage,
) -> None:
    noisy = latents(4, 1, 1)
    task = attrs.evolve(job(), output=lt.Output(overlap_frames=17))
    whole, *_ = stage(noisy, segment(25, 32, 32), task)
    cut, trailing, _ = stage(noisy, segment(25, 32, 32, repeated=9), task)
    assert np.array_equal(cut.pixels, whole.pixels[9:])
    assert np.array_equal(trailing.pixels, whole.pixels[-17:])


@pytest.fixture(scope="module")
def published() -> Any:
    """A decoder with the published windows and strides, and few channels."""
    from diffusers import LTX2VideoDiffusionDecoderModel

    with torch.random.fork_rng():
        decoder: Any = LTX2VideoDiffusionDecoderModel(
            latent_channels=8,
            decoder_head_dim=8,
            decoder_stage_channels=(64, 32, 16, 16, 8),
            decoder_stage_depths=(1, 1, 1, 1, 1),
            decoder_t_emb_dim=16,
        )
    decoder.set_attn_processor(NeighborhoodAttention())
    return decoder


@pytest.mark.parametrize(
    ("frames", "height", "width", "path"),
    [
        (17, 224, 224, None),
        (9, 224, 224, "sampling.num_frames"),
        (17, 192, 224, "sampling.height"),
        (17, 224, 192, "sampling.width"),
    ],
)
def test_what_the_decoder_cannot_hold_is_refused_and_nothing_else(
    published: Any, frames: int, height: int, width: int, path: str | None
) -> None:
    stage = LTX2DiffusionDecodingStage(published, vae=published)  # which has statistics as well
    asked = job(num_frames=frames, height=height, width=width)
    noisy = latents((frames - 1) // 8 + 1, height // 32, width // 32)
    if path is None:
        stage.check(asked)
        made, *_ = stage(noisy, segment(frames, height, width), asked)
        assert made.pixels.shape == (frames, height, width, 3)
        return
    with pytest.raises(lt.ValidationError) as refused:
        stage.check(asked)
    assert refused.value.path == path
    with pytest.raises(ValueError, match="kernel size"):
        stage(noisy, segment(frames, height, width), asked)


def test_without_a_picture_nothing_is_decoded(published: Any) -> None:
    sound_only = attrs.evolve(job(num_frames=9), output=lt.Output(video=False))
    stage = LTX2DiffusionDecodingStage(published, vae=published)
    stage.check(sound_only)
    made, trailing, _ = stage(latents(2, 1, 1), segment(9, 32, 32), sound_only)
    assert len(made.pixels) == len(trailing.pixels) == 0


def test_what_is_not_refused_is_decoded(stage: LTX2DiffusionDecodingStage) -> None:
    smallest = job(num_frames=9, height=32, width=32)
    stage.check(smallest)
    made, *_ = stage(latents(2, 1, 1), segment(9, 32, 32), smallest)
    assert made.pixels.shape == (9, 32, 32, 3)
