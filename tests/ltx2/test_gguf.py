"""Quantised transformers in .gguf files. Skipped without the package gguf."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.loading.single_file import load_transformer
from tests.ltx2.original_files import networks_of, original_weights
from tests.ltx2.support import Checkpoints
from tests.ltx2.watching import quick

gguf = pytest.importorskip("gguf")

LINEAR = ("to_q.weight", "to_out.0.weight", "net.2.weight", "linear.weight", "patchify_proj.weight")


def is_linear(name: str) -> bool:
    return name.endswith(LINEAR)


def is_other(name: str) -> bool:
    return not is_linear(name)


def everything(name: str) -> bool:
    return True


def as_bf16(value: torch.Tensor) -> torch.Tensor:
    return value.to(torch.bfloat16).float()


def write_gguf(path: Path, weights: Mapping[str, torch.Tensor], in_bf16: Any) -> Path:
    """A file with some weights in BF16, and the others in F32."""
    writer = gguf.GGUFWriter(path, "ltxv")
    for key, value in weights.items():
        name = key.removeprefix("model.diffusion_model.")
        if in_bf16(name):
            kind = gguf.GGMLQuantizationType.BF16
            data = value.to(torch.bfloat16).view(torch.uint8).numpy()
            writer.add_tensor(name, data, raw_shape=data.shape, raw_dtype=kind)
        else:
            writer.add_tensor(name, np.ascontiguousarray(value.numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def frames(path: Path, **options: Any) -> np.ndarray[Any, Any]:
    short = lt.Sampling(num_frames=9)
    request = lt.GenerationRequest("rain", sampling=short, stage_overrides=quick())
    with lt.load(path, **options) as pipeline:
        return np.asarray(pipeline.generate(request).frames)


@pytest.mark.parametrize("generation", ["2.0", "2.5"])
@pytest.mark.parametrize("in_bf16", [is_linear, is_other, everything])
def test_weights_in_bf16(
    checkpoints: Checkpoints, tmp_path: Path, generation: Any, in_bf16: Callable[[str], bool]
) -> None:
    """Tables, biases and norms too, which diffusers takes for bytes."""
    folder = checkpoints.path(generation)
    weights = original_weights(networks_of(folder, "transformer"))
    path = write_gguf(tmp_path / "bf16.gguf", weights, in_bf16)
    prefix = "model.diffusion_model."
    rounded = {
        key: as_bf16(value) if in_bf16(key.removeprefix(prefix)) else value
        for key, value in weights.items()
    }
    plain = write_gguf(tmp_path / "f32.gguf", rounded, lambda name: False)
    own = folder / "transformer"
    loaded, expected = (
        load_transformer(p, torch.float32, config_folder=own) for p in (path, plain)
    )
    assert loaded.dtype == torch.float32
    found, wanted = loaded.state_dict(), expected.state_dict()
    assert all(torch.equal(found[key], value) for key, value in wanted.items())
    pictures = [frames(folder, transformer_path=str(file)) for file in (path, plain)]
    assert (pictures[0] == pictures[1]).all()


def test_quantised_weights(checkpoints: Checkpoints, tmp_path: Path) -> None:
    """Those of linear layers stay quantised; a quantised table becomes floats."""
    folder = checkpoints.path("2.0", "larger")
    weights = original_weights(networks_of(folder, "transformer"))
    kind = gguf.GGMLQuantizationType.Q8_0
    writer = gguf.GGUFWriter(tmp_path / "q8.gguf", "ltxv")
    table = "transformer_blocks.0.scale_shift_table"
    linear = "transformer_blocks.0.attn1.to_q.weight"
    for key, value in weights.items():
        name = key.removeprefix("model.diffusion_model.")
        if name in (table, linear):
            writer.add_tensor(name, gguf.quants.quantize(value.numpy(), kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, np.ascontiguousarray(value.numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path, own = tmp_path / "q8.gguf", folder / "transformer"
    loaded = load_transformer(path, torch.float32, config_folder=own)
    assert loaded.dtype == torch.float32
    state, original = loaded.state_dict(), weights[f"model.diffusion_model.{table}"]
    assert state[linear].dtype == torch.uint8
    assert state[table].shape == original.shape
    assert (state[table] - original).abs().max() < original.abs().max() / 100
    assert frames(folder, transformer_path=str(path)).dtype == np.uint8


def test_a_fingerprint_tells_its_weights(tiny: Path, tmp_path: Path) -> None:
    weights = original_weights(networks_of(tiny, "transformer"))
    last = max(weights)
    files = [
        write_gguf(tmp_path / "f32.gguf", weights, lambda name: False),
        write_gguf(tmp_path / "bf16.gguf", weights, everything),
        write_gguf(tmp_path / "other.gguf", weights | {last: weights[last] + 1}, everything),
        write_gguf(tmp_path / "again.gguf", weights, lambda name: False),
    ]
    told = []
    for file in files:
        with lt.load(tiny, transformer_path=file, prepare=False) as pipeline:
            told.append(pipeline.model_fingerprint)
    assert told[0] == told[3]
    assert len(set(told)) == 3
