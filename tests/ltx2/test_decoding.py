"""Video latents to frames: as diffusers converts them, in slices, cut and carried on."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
import torch
from diffusers.video_processor import VideoProcessor

import longtake as lt
from longtake_ltx2.clock import SegmentClock, first_segment
from longtake_ltx2.stages import DecodingStage
from longtake_ltx2.values import CleanLatents, Geometry
from tests.ltx2.support import Checkpoints
from tests.ltx2.watching import Watched

FPS = lt.Job.example().sampling.fps


@attrs.frozen
class Config:
    timestep_conditioning: bool = False
    scaling_factor: float = 1.0
    decoder_spatial_padding_mode: str = "zeros"


@attrs.frozen
class FakeVae:
    """Decodes to prepared pixels; remembers how large a float clip was made of them."""

    pixels: torch.Tensor
    config: Config = attrs.field(factory=Config)
    latents_mean: torch.Tensor = attrs.field(factory=lambda: torch.zeros(2))
    latents_std: torch.Tensor = attrs.field(factory=lambda: torch.ones(2))
    device: torch.device = attrs.field(factory=lambda: torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        return self.pixels.dtype

    def decode(self, latents: torch.Tensor, *args: Any, **kwargs: Any) -> tuple[torch.Tensor]:
        return (self.pixels,)


def decoded(pixels: torch.Tensor, clock: SegmentClock | None = None, overlap: int = 9) -> Any:
    frames, height, width = pixels.shape[2:]
    geometry = Geometry(
        height, width, clock or first_segment(frames, lt.Job.example().sampling.fps)
    )
    latents = CleanLatents(torch.zeros(1, 2, 4, 2, 3), torch.zeros(1, 2, 26, 3))
    job = attrs.evolve(lt.Job.example(), output=lt.Output(overlap_frames=overlap))
    return DecodingStage(FakeVae(pixels))(latents, geometry, job)[:2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pixels_are_rounded_like_diffusers(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(1, 3, 25, 8, 12, generator=generator).to(dtype) * 0.8
    frames, _ = decoded(pixels)
    processor: Any = VideoProcessor()
    as_floats = processor.postprocess_video(pixels.float(), output_type="np")[0]
    assert np.array_equal(frames.pixels, (as_floats * 255).round().astype(np.uint8))
    assert frames.pixels.dtype == np.uint8


def test_every_value_between_black_and_white() -> None:
    ramp = torch.linspace(-1.2, 1.2, 9 * 3 * 100).reshape(1, 3, 9, 10, 10)
    frames, _ = decoded(ramp)
    values = np.moveaxis(frames.pixels, -1, 0).flatten()
    expected = np.floor(np.clip(ramp.double().numpy().flatten() / 2 + 0.5, 0, 1) * 255 + 0.5)
    assert np.abs(values.astype(int) - expected).max() <= 1  # ties may round either way
    assert (values != expected).mean() < 0.01
    assert (values.min(), values.max()) == (0, 255)


def test_no_second_float_clip_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The conversion works on a few frames at a time."""
    sizes: list[int] = []
    clamp = torch.Tensor.clamp

    def watching(self: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        sizes.append(self.numel())
        return clamp(self, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "clamp", watching)
    pixels = torch.zeros(1, 3, 121, 4, 4)
    decoded(pixels)
    assert sizes
    assert max(sizes) <= pixels.numel() / 10


def test_repeated_frames_are_cut_off_and_the_last_ones_carried_on() -> None:
    pixels = (torch.arange(25.0) / 24 * 2 - 1).reshape(1, 1, 25, 1, 1).expand(1, 3, 25, 2, 2)
    clock = attrs.evolve(first_segment(25, FPS), repeated_frames=9)
    frames, trailing = decoded(pixels, clock, overlap=17)
    whole, _ = decoded(pixels)
    assert np.array_equal(frames.pixels, whole.pixels[9:])
    assert np.array_equal(trailing.pixels, whole.pixels[-17:])


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_the_whole_segment_is_decoded_once(checkpoints: Checkpoints, generation: Any) -> None:
    watched = Watched(checkpoints.path(generation))
    vae = watched.components["vae"]
    geometry = Geometry(64, 96, first_segment(25, FPS))
    latents = torch.randn(1, 8, 4, 2, 3, generator=torch.Generator().manual_seed(1))
    with watched.counted() as ran:
        frames, *_ = DecodingStage(vae)(
            CleanLatents(latents, torch.zeros(1, 2, 26, 3)), geometry, lt.Job.example()
        )
    assert ran == {"vae.decoder": 1}
    assert frames.pixels.shape == (25, 64, 96, 3)
    assert frames.pixels.std() > 10
