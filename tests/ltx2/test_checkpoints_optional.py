"""What only some checkpoints have: generations, optional components, the upsampler's places."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake_ltx2.checkpoints.folder import find_upsampler
from longtake_ltx2.checkpoints.recognising import recognise
from longtake_ltx2.generation import generation_of
from tests.ltx2.support import Checkpoints, family

OPTIONAL = ("duration_head", "diffusion_decoder", "spatial_upsampler")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, to be damaged."""
    return shutil.copytree(tiny, tmp_path / "checkpoint")


@pytest.fixture
def newest(checkpoints: Checkpoints, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint of 2.5, to be damaged."""
    return shutil.copytree(checkpoints.path("2.5"), tmp_path / "newest")


def refused_path(folder: Path) -> str:
    with pytest.raises(lt.CheckpointError) as refused:
        lt.load(folder, prepare=False)
    return refused.value.path


def name_upsampler(folder: Path, name: str) -> Path:
    path = folder / "model_index.json"
    entry = {name: ["ltx2", "LTX2LatentUpsamplerModel"]}
    path.write_text(json.dumps(json.loads(path.read_text()) | entry))
    return path


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_component_may_be_missing_but_not_damaged(newest: Path, name: str) -> None:
    weights = newest / name / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-8])
    assert refused_path(newest) == str(weights)
    weights.unlink()
    assert refused_path(newest) == str(newest / name)
    shutil.rmtree(newest / name)
    lt.load(newest, prepare=False).close()


@pytest.mark.parametrize(
    ("changes", "generation"),
    [
        ({}, "2.0"),
        ({"gated_attn": True}, "2.3"),
        ({"cross_attn_mod": True, "ff_bias": True}, "2.3"),
        ({"cross_attn_mod": True, "ff_bias": False}, "2.5"),
        ({"cross_attn_mod": True, "use_keyframes_abs_pos_embedding": True}, "2.5"),
    ],
)
def test_the_generation_of_a_configuration(changes: dict[str, Any], generation: str) -> None:
    assert generation_of(changes) == generation


@pytest.mark.parametrize(
    ("generation", "preset"),
    [("2.0", "ltx2_base"), ("2.3", "ltx2_3_base"), ("2.5", "ltx2_5_distilled")],
)
def test_the_preset_of_a_full_size_checkpoint(
    checkpoints: Checkpoints, tmp_path: Path, generation: Any, preset: str
) -> None:
    config = checkpoints.path(generation) / "transformer" / "config.json"
    full = json.loads(config.read_text()) | {"num_attention_heads": 32, "attention_head_dim": 128}
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(full))
    assert recognise(tmp_path) == lt.Recognition(preset, f"LTX-{generation}")
    assert family().preset(preset).name == preset


@pytest.mark.parametrize("name", ["spatial_upscaler", "spatial_upsampler", "latent_upsampler"])
def test_the_upsampler_is_found_in_its_folder(folder: Path, name: str) -> None:
    (folder / "spatial_upsampler").rename(folder / name)
    assert find_upsampler(folder) == folder / name
    shutil.rmtree(folder / name)
    assert find_upsampler(folder) is None


def test_the_upsampler_is_found_by_the_index(folder: Path) -> None:
    shutil.copytree(folder / "spatial_upsampler", folder / "x2")
    name_upsampler(folder, "x2")
    assert find_upsampler(folder) == folder / "x2"
    lt.load(folder, prepare=False).close()
    shutil.rmtree(folder / "x2")
    with pytest.raises(lt.CheckpointError, match=r"model_index\.json names it") as refused:
        find_upsampler(folder)
    assert refused.value.path == str(folder / "x2" / "config.json")
    assert refused_path(folder) == refused.value.path


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", ".", "..", "a/b", ""])
def test_an_upsampler_outside_of_the_checkpoint(folder: Path, name: str) -> None:
    shutil.copytree(folder / "spatial_upsampler", folder.parent / "elsewhere")
    index = name_upsampler(folder, name)
    with pytest.raises(lt.CheckpointError, match="not the name of a folder") as refused:
        find_upsampler(folder)
    assert refused.value.path == str(index)
