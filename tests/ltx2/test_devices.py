"""Where networks are, in which floats they compute, and what tiles do to the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

import longtake as lt
from longtake_ltx2.latents import decodable_video
from longtake_ltx2.loading.model import load
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.stages import DecodingStage
from tests.ltx2.support import Checkpoints, relative_error

NETWORKS = ("transformer", "vae", "audio_vae", "vocoder", "connectors", "upsampler")
PRECISIONS: dict[str, Any] = {
    "transformer": {"dit_precision": "bf16"},
    "vae": {"vae_precision": "bf16"},
    "audio_vae": {"audio_decoder_precision": "bf16"},
    "vocoder": {"vocoder_precision": "bf16"},
    "upsampler": {"upsampler_precision": "bf16"},
    "connectors": {"text_encoder_precisions": ("bf16",)},
}


def loaded(path: Path, device: str | None = "cpu", dtype: str | None = None, **options: Any) -> Any:
    config = LTX2T2VConfig(**options)
    return load(lt.ModelSource(path=path, device=device, dtype=dtype, options=config))


def dtypes(path: Path, **options: Any) -> dict[str, torch.dtype]:
    components = loaded(path, **options).components
    return {name: components[name].dtype for name in NETWORKS}


@pytest.mark.parametrize("name", PRECISIONS)
def test_a_precision_is_of_its_network_alone(tiny: Path, name: str) -> None:
    found = dtypes(tiny, **PRECISIONS[name])
    assert found == dict.fromkeys(NETWORKS, torch.float32) | {name: torch.bfloat16}


def test_dtype_is_of_all_networks_without_a_precision(tiny: Path) -> None:
    found = dtypes(tiny, dtype="bfloat16", vae_precision="float32")
    assert found == dict.fromkeys(NETWORKS, torch.bfloat16) | {"vae": torch.float32}


@pytest.mark.parametrize("dtype", ["int8", "bf17", "float8_e4m3fn"])
def test_floats_that_networks_do_not_compute_in(tiny: Path, dtype: str) -> None:
    with pytest.raises(lt.ValidationError, match="bfloat16") as caught:
        lt.load(tiny, dtype=dtype)
    assert caught.value.path == "dtype"


@pytest.mark.parametrize("device", ["cpu", "cpu:0", None])
def test_the_device_of_every_network(tiny: Path, device: str | None) -> None:
    model = loaded(tiny, device)
    where = torch.device(model.device)
    networks = [*(model.components[n] for n in NETWORKS), model.components["text_encoders"][0]]
    assert {network.device.type for network in networks} == {where.type}
    if device is not None:
        assert model.device == device


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "xla"])
def test_a_device_that_is_not_there(tiny: Path, device: str) -> None:
    with pytest.raises(lt.ValidationError, match=device) as caught:
        lt.load(tiny, device=device)
    assert caught.value.path == "device"


@torch.no_grad()
def decoded(path: Path, tile: int | None) -> torch.Tensor:
    """The same latents, 64 x 128 pixels and 9 frames, whole or in square tiles of some pixels."""
    vae = loaded(path, vae_tiling=tile is not None).components["vae"]
    if tile is not None:  # the published size of tiles is larger than the tests' pictures
        vae.tile_sample_min_height = vae.tile_sample_min_width = tile
        vae.tile_sample_stride_height = vae.tile_sample_stride_width = tile
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, vae.config.latent_channels, 2, 2, 4, generator=generator)
    pixels: torch.Tensor = vae.decode(decodable_video(latents, vae), return_dict=False)[0]
    return pixels


@pytest.mark.parametrize("generation", ["2.0", "2.3", "2.5"])
def test_tiles_change_the_picture(checkpoints: Checkpoints, generation: Any) -> None:
    """Which is why they are by choice; ``benchmarks/tiling.py`` says how much at full size."""
    path = checkpoints.path(generation)
    whole = decoded(path, tile=None)
    assert torch.equal(whole, decoded(path, tile=128))
    assert relative_error(whole, decoded(path, tile=64)) > 0.01


@pytest.mark.parametrize(
    ("generation", "height", "width", "path"),
    [
        ("2.0", 480, 768, "sampling.height"),
        ("2.0", 512, 928, "sampling.width"),
        ("2.0", 480, 512, None),
        ("2.0", 512, 768, None),
        ("2.3", 480, 928, None),
    ],
)
def test_a_last_tile_that_the_decoder_cannot_pad(
    checkpoints: Checkpoints, generation: Any, height: int, width: int, path: str | None
) -> None:
    """Only the decoder of 2.0 pads by reflection."""
    vae = loaded(checkpoints.path(generation), vae_tiling=True).components["vae"]
    example = lt.Job.example()
    sampling = attrs.evolve(example.sampling, height=height, width=width)
    job = attrs.evolve(example, sampling=sampling)
    if path is None:
        DecodingStage(vae).check(job)
        return
    with pytest.raises(lt.ValidationError, match="vae_tiling") as caught:
        DecodingStage(vae).check(job)
    assert caught.value.path == path
    vae.disable_tiling()
    DecodingStage(vae).check(job)
