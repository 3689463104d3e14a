"""A checkpoint's fingerprint: the same for the same weights, another for others, soon made."""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import longtake as lt
from longtake_ltx2.tiny import write_tiny_checkpoint
from tests.ltx2.original_files import networks_of, original_weights
from tests.ltx2.support import Checkpoints
from tests.ltx2.test_weight_files import shard
from tests.ltx2.watching import quick

DIFFUSERS = "diffusion_pytorch_model.safetensors"
NETWORKS = [
    "transformer",
    "vae",
    "audio_vae",
    "connectors",
    "vocoder",
    "text_encoder",
    "spatial_upsampler",
]
REQUEST = lt.GenerationRequest(
    "waves",
    sampling=lt.Sampling(height=64, width=64, num_frames=17),
    output=lt.Output(return_state=True, last=False),
    stage_overrides=quick(),
)


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, to be changed."""
    return shutil.copytree(tiny, tmp_path / "checkpoint")


def fingerprint(path: Path, **options: Any) -> str:
    with lt.load(path, prepare=False, **options) as pipeline:
        told = pipeline.model_fingerprint
    assert told is not None
    assert told.startswith("sha256:")
    assert len(told) == 71
    return told


def weights_of(network: Path) -> Path:
    (file,) = network.glob("*.safetensors")
    return file


def change(file: Path, edit: Callable[[dict[str, torch.Tensor]], None]) -> None:
    weights = {name: tensor.clone() for name, tensor in load_file(file).items()}
    edit(weights)
    file.unlink()
    save_file(weights, file, {"format": "pt"})


def test_where_it_lies_and_in_which_files_makes_no_difference(tiny: Path, folder: Path) -> None:
    expected = fingerprint(tiny)
    assert fingerprint(folder) == expected
    for name in ("transformer", "text_encoder"):
        whole = weights_of(folder / name)
        shard(whole)
        whole.unlink()
    assert fingerprint(folder) == expected
    for name, noted in (
        ("transformer", {"_diffusers_version": "9", "_name_or_path": "elsewhere"}),
        ("text_encoder", {"transformers_version": "9"}),
    ):
        config = folder / name / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | noted, indent=7))
    assert fingerprint(folder) == expected
    assert fingerprint(write_tiny_checkpoint(folder.parent / "again")) == expected


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("at", [0, -1])
def test_every_weight_of_every_network_counts(tiny: Path, folder: Path, name: str, at: int) -> None:
    def edit(weights: dict[str, torch.Tensor]) -> None:
        largest = max(weights, key=lambda key: weights[key].numel())
        weights[largest].view(-1)[at] += 1

    change(weights_of(folder / name), edit)
    assert fingerprint(folder) != fingerprint(tiny)


def test_dtypes_and_configurations_count(tiny: Path, folder: Path) -> None:
    def in_bf16(weights: dict[str, torch.Tensor]) -> None:
        weights |= {name: torch.zeros_like(w) for name, w in weights.items()}

    def in_zeros_of_bf16(weights: dict[str, torch.Tensor]) -> None:
        weights |= {name: torch.zeros_like(w, dtype=torch.bfloat16) for name, w in weights.items()}

    seen = {fingerprint(tiny)}
    for edit in (in_bf16, in_zeros_of_bf16):
        change(weights_of(folder / "connectors"), edit)
        seen.add(fingerprint(folder))
    config = folder / "vae" / "config.json"
    document = json.loads(config.read_text()) | {"scaling_factor": 0.5}
    config.write_text(json.dumps(document))
    seen.add(fingerprint(folder))
    assert len(seen) == 4


def test_networks_from_elsewhere_count(
    checkpoints: Checkpoints, tiny: Path, folder: Path, tmp_path: Path
) -> None:
    own = fingerprint(tiny)
    assert fingerprint(tiny, transformer_path=folder / "transformer") == own
    other = write_tiny_checkpoint(tmp_path / "other", seed=1)
    single = tmp_path / "single.safetensors"
    save_file(original_weights(networks_of(tiny, "transformer", "audio_vae")), single)
    seen = {own, fingerprint(other)}
    seen.add(fingerprint(tiny, transformer_path=other / "transformer"))
    seen.add(fingerprint(tiny, vae_path=other / "vae"))
    seen.add(fingerprint(tiny, transformer_path=single))
    seen.add(fingerprint(tiny, audio_vae_path=single))
    assert len(seen) == 6
    newest = checkpoints.path("2.5")
    assert fingerprint(newest) == fingerprint(newest)


def test_how_it_is_computed_is_no_part_of_it(tiny: Path, tmp_path: Path) -> None:
    from longtake_ltx2.tiny import write_tiny_lora

    lora = write_tiny_lora(tmp_path / "style.safetensors", tiny)
    assert fingerprint(tiny, loras=(str(lora),), numerics="diffusers", dtype="float64") == (
        fingerprint(tiny)
    )


def sparse(file: Path, names: int, gigabytes: int) -> None:
    """A file of many tensors that takes no room on the disk."""
    each = gigabytes * 10**9 // names // 2 * 2
    header = {
        f"blocks.{n}.weight": {
            "dtype": "BF16",
            "shape": [each // 2],
            "data_offsets": [n * each, (n + 1) * each],
        }
        for n in range(names)
    }
    text = json.dumps(header).encode()
    file.unlink()
    with file.open("wb") as opened:
        opened.write(struct.pack("<Q", len(text)) + text)
        opened.truncate(8 + len(text) + each * names)


def bytes_read() -> int:
    """By this process, through system calls."""
    (line,) = (line for line in Path("/proc/self/io").read_text().splitlines() if "rchar" in line)
    return int(line.split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts what a process reads")
def test_a_few_megabytes_of_forty_gigabytes_are_read(folder: Path) -> None:
    names = 1500
    sparse(weights_of(folder / "transformer"), names, 40)
    with lt.load(folder, prepare=False) as pipeline:
        before = bytes_read()
        assert pipeline.model_fingerprint
        read = bytes_read() - before
    assert os.path.getsize(weights_of(folder / "transformer")) > 39 * 10**9
    small = sum(f.stat().st_size for f in folder.rglob("*") if f.stat().st_size < 10**8)
    assert read < 2 * small + names * 2048 + 10**6


def test_damage_since_loading_names_the_file(folder: Path) -> None:
    whole = weights_of(folder / "vae")
    with lt.load(folder, prepare=False) as pipeline:
        whole.write_bytes(b"x" * 40)
        with pytest.raises(lt.CheckpointError, match=whole.name):
            assert pipeline.model_fingerprint


def test_a_take_goes_on_with_the_same_weights_alone(tiny: Path, tmp_path: Path) -> None:
    with lt.load(tiny) as pipeline:
        first = pipeline.generate(REQUEST)
        state, expected = first.state, pipeline.model_fingerprint
        assert state is not None
        ours = state.payload["metadata"]["longtake"]
        assert ours["model"] == expected
        request = lt.GenerationRequest.from_dict({**REQUEST.to_dict(), "sampling": {}})
        second = pipeline.generate(request, after=pipeline.restore(state))
        assert second.state is not None
        assert second.state.payload["metadata"]["longtake"]["model"] == expected
    other = write_tiny_checkpoint(tmp_path / "other", seed=1)
    with lt.load(other, prepare=False) as pipeline:
        with pytest.raises(lt.ValidationError, match=str(expected)):
            pipeline.restore(state)
        assert pipeline.restore(state, allow_other_model=True).kind == "ltx2.v1"
        del ours["model"]  # as an earlier release, or another implementation, wrote it
        assert pipeline.restore(state).value().model_fingerprint is None


@pytest.mark.parametrize("model", [7, "", "a" * 129, "two\nlines", ["sha256"]])
def test_a_fingerprint_in_a_state_is_a_short_text(model: Any) -> None:
    from longtake_ltx2.continuation import LTX2ContinuationState

    with pytest.raises(lt.ValidationError) as caught:
        LTX2ContinuationState(metadata={"longtake": {"model": model}})
    assert caught.value.path == "state.payload.metadata.longtake.model"
    assert len(str(caught.value)) < 200
