"""One network, given where a whole checkpoint or another network is wanted: refused by name."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import longtake as lt
from longtake_ltx2.checkpoints.parts import network_in, part_of_checkpoint
from tests.ltx2.support import Checkpoints

WEIGHTS = "diffusion_pytorch_model.safetensors"
FOLDERS = {
    "transformer": "transformer",
    "vae": "video VAE",
    "audio_vae": "audio VAE",
    "connectors": "text connectors",
    "vocoder": "vocoder",
    "spatial_upsampler": "latent upsampler",
    "duration_head": "duration head",
    "diffusion_decoder": "diffusion decoder",
}


def refusal(path: Path, caplog: pytest.LogCaptureFixture, **options: Any) -> lt.CheckpointError:
    caplog.set_level(logging.INFO, logger="longtake_ltx2.loading")
    with pytest.raises(lt.CheckpointError) as caught:
        lt.load(path, **options)
    assert not caplog.records, "nothing was loaded"
    return caught.value


@pytest.mark.parametrize("family", [None, "ltx2"])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_network_is_no_checkpoint(
    checkpoints: Checkpoints, name: str, family: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    folder = checkpoints.path("2.5") / name
    for path in (folder, folder / WEIGHTS):
        error = refusal(path, caplog, family=family)
        assert error.path == str(path)
        assert f"({FOLDERS[name]})" in str(error)
        assert "give the folder of a whole checkpoint" in str(error)


def test_a_bare_upsampler(tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As Lightricks publishes it: one file, nothing beside it."""
    bare = tmp_path / "ltx-2-spatial-upscaler-x2-1.0.safetensors"
    shutil.copy(tiny / "spatial_upsampler" / WEIGHTS, bare)
    error = refusal(bare, caplog)
    assert error.path == str(bare)
    assert "latent upsampler" in str(error)
    assert "upsampler_weights=" in str(error)
    for option in ("transformer_path", "vae_path", "audio_vae_path"):
        error = refusal(tiny, caplog, **{option: str(bare)})
        assert error.path == str(bare)
        assert "latent upsampler" in str(error)
    lt.load(tiny, preset="ltx2_two_stage", upsampler_weights=str(bare), prepare=False).close()


def test_networks_in_the_place_of_others(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    for option, name in (
        ("transformer_path", "vae"),
        ("vae_path", "audio_vae"),
        ("audio_vae_path", "vae"),
        ("upsampler_weights", "transformer"),
    ):
        error = refusal(tiny, caplog, preset="ltx2_two_stage", **{option: str(tiny / name)})
        assert error.path == str(tiny / name / "config.json")
        assert "_class_name" in str(error)
    file = str(tiny / "vae" / WEIGHTS)
    error = refusal(tiny, caplog, preset="ltx2_two_stage", upsampler_weights=file)
    assert error.path == str(tiny / "vae" / "config.json")


def test_what_is_something_else(tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    (tmp_path / "damaged.safetensors").write_bytes(b"x")
    for path in (tiny, other, tmp_path, tmp_path / "gone", tmp_path / "damaged.safetensors"):
        assert part_of_checkpoint(path) is None
    (tmp_path / "config.json").write_text("[]")
    shutil.copy(other, tmp_path / WEIGHTS)
    assert network_in(tmp_path / WEIGHTS) is None
