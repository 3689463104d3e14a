"""Damaged and incomplete checkpoints are refused by name; whole ones load lazily and aligned."""

from __future__ import annotations

import json
import logging
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file, save_file

import longtake as lt
from longtake_ltx2.tiny import Generation
from tests.ltx2.support import Checkpoints
from tests.ltx2.watching import Watched, quick

WEIGHTS = {
    "transformer": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "audio_vae": "diffusion_pytorch_model.safetensors",
    "connectors": "diffusion_pytorch_model.safetensors",
    "vocoder": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}
Damage = Callable[[Path], None]


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, to be damaged."""
    return shutil.copytree(tiny, tmp_path / "checkpoint")


def refusal(folder: Path, **options: Any) -> lt.CheckpointError:
    with pytest.raises(lt.CheckpointError) as caught:
        lt.load(folder, **options)
    assert str(caught.value).startswith(caught.value.path)
    return caught.value


def weights(folder: Path, name: str) -> Path:
    return folder / name / WEIGHTS[name]


def configure(folder: Path, name: str, **changes: Any) -> Path:
    path = folder / name / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_missing_folder(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
    assert refusal(folder).path == str(folder / name / "config.json")


@pytest.mark.parametrize("text", [None, "", "{", "[]", "3", "null", "\x00", "[" * 100_000])
@pytest.mark.parametrize("name", ["transformer", "audio_vae"])
def test_a_damaged_configuration(folder: Path, name: str, text: str | None) -> None:
    path = folder / name / "config.json"
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert refusal(folder).path == str(path)


@pytest.mark.parametrize("name", WEIGHTS)
def test_missing_weights(folder: Path, name: str) -> None:
    weights(folder, name).unlink()
    assert refusal(folder).path == str(folder / name)


def cut(data: bytes) -> bytes:
    return data[:-8]


def grown(data: bytes) -> bytes:
    return data + bytes(8)


def without_header(data: bytes) -> bytes:
    return bytes(64) + data[64:]


def long_header(data: bytes) -> bytes:
    return b"\xff" * 8 + data[8:]


def empty(data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut, grown, without_header, long_header, empty])
@pytest.mark.parametrize("name", WEIGHTS)
def test_damaged_weights(folder: Path, name: str, damage: Callable[[bytes], bytes]) -> None:
    path = weights(folder, name)
    path.write_bytes(damage(path.read_bytes()))
    assert refusal(folder).path == str(path)


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_missing_or_of_another_shape(folder: Path, name: str) -> None:
    path = weights(folder, name)
    tensors = load_file(path)
    first = max(tensors, key=lambda key: tensors[key].numel())
    save_file(
        {key: value for key, value in tensors.items() if key != first}, path, {"format": "pt"}
    )
    refused = refusal(folder)
    assert refused.path == str(folder / name)
    reshaped = tensors | {first: torch.zeros(3, *tensors[first].shape)}
    save_file(reshaped, path, {"format": "pt"})
    assert refusal(folder).path == str(folder / name)


def test_pickled_weights_are_not_read(folder: Path) -> None:
    weights(folder, "vae").rename(folder / "vae" / "other.safetensors")
    torch.save({}, folder / "vae" / "diffusion_pytorch_model.bin")
    assert refusal(folder).path == str(folder / "vae")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("transformer", {"num_layers": "x"}),
        ("transformer", {"num_attention_heads": "x"}),
        ("transformer", {"num_attention_heads": 0}),
        ("transformer", {"attention_head_dim": None}),
        ("transformer", {"rope_type": "nope"}),
        ("vae", {"block_out_channels": None}),
        ("vae", {"block_out_channels": [8]}),
        ("audio_vae", {"latent_channels": 7}),
        ("connectors", {"caption_channels": 0}),
        ("vocoder", {"_class_name": "HiFiGAN"}),
        ("vocoder", {"_class_name": None}),
        ("vocoder", {"hidden_channels": -1}),
        ("text_encoder", {"architectures": ["T5EncoderModel"]}),
        ("text_encoder", {"architectures": None}),
        ("text_encoder", {"text_config": {"hidden_size": "x"}}),
    ],
)
def test_a_configuration_that_makes_no_sense(
    folder: Path, name: str, changes: dict[str, Any]
) -> None:
    configure(folder, name, **changes)
    assert refusal(folder).path.startswith(str(folder / name))


@pytest.mark.parametrize("text", [None, "", "{", "{}", '{"model": {"type": "nope"}}'])
def test_a_damaged_tokenizer(folder: Path, text: str | None) -> None:
    path = folder / "tokenizer" / "tokenizer.json"
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert refusal(folder).path.startswith(str(folder / "tokenizer"))


def test_a_tokenizer_with_an_unknown_model(folder: Path) -> None:
    path = folder / "tokenizer" / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model": {"type": "nope"}}))
    assert refusal(folder).path == str(folder / "tokenizer")


@pytest.mark.parametrize("text", ['{"weight_map": 3}', "{}", '{"weight_map": {"a": "gone.st"}}'])
def test_a_damaged_index_of_split_weights(folder: Path, text: str) -> None:
    weights(folder, "transformer").unlink()
    index = folder / "transformer" / f"{WEIGHTS['transformer']}.index.json"
    index.write_text(text)
    assert refusal(folder).path.startswith(str(folder / "transformer"))


@pytest.mark.parametrize(
    "changes",
    [
        {"_class_name": "LTX2ImageToVideoPipeline"},
        {"_class_name": "SomethingElse"},
        {"scheduler": [None, None], "vae": [None, None], "processor": [None, None]},
        None,
    ],
)
def test_the_index_of_the_pipeline_does_not_matter(
    folder: Path, changes: dict[str, Any] | None
) -> None:
    path = folder / "model_index.json"
    index = json.loads(path.read_text())
    path.unlink()
    if changes is not None:
        path.write_text(json.dumps(index | changes))
    shutil.rmtree(folder / "scheduler")
    with lt.load(folder) as pipeline:
        result = pipeline.generate(lt.GenerationRequest("x", stage_overrides=quick()))
    assert result.frames.shape == (25, 64, 96, 3)


@pytest.mark.parametrize("named", [False, True])
def test_a_folder_that_is_no_checkpoint(tmp_path: Path, named: bool) -> None:
    options: dict[str, Any] = {"family": "ltx2"} if named else {}
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name in ("empty", "file", "gone"):
        assert str(tmp_path / name) in str(refusal(tmp_path / name, **options))


def test_weights_are_aligned(checkpoints: Checkpoints) -> None:
    for generation in ("2.0", "2.3", "2.5"):
        for network in Watched(checkpoints.path(generation)).networks().values():
            for tensor in (*network.parameters(), *network.buffers()):
                assert tensor.data_ptr() % 16 == 0


def rewritten(file: Path, *, zeros: bool) -> None:
    """Write into the file: data that begin on a 16-byte boundary, or nothing but zeros."""
    whole = file.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header, data = whole[8 : 8 + length], whole[8 + length :]
    header += b" " * (-(8 + length) % 16)
    with file.open("r+b") as written:  # the same file, at no time shorter
        written.write(struct.pack("<Q", len(header)) + header)
        written.write(bytes(len(data)) if zeros else data)


@pytest.mark.parametrize("generation", ["2.0", "2.5"])
def test_weights_do_not_follow_their_files_once_loaded(
    checkpoints: Checkpoints, generation: Generation, tmp_path: Path
) -> None:
    path = shutil.copytree(checkpoints.path(generation), tmp_path / "checkpoint")
    files = sorted(path.rglob("*.safetensors"))
    for file in files:
        rewritten(file, zeros=False)
    asked = lt.GenerationRequest("x", sampling=lt.Sampling(seed=1), stage_overrides=quick())
    with lt.load(path) as pipeline:
        before = pipeline.generate(asked)
        for file in files:
            rewritten(file, zeros=True)
        pipeline.generate(evolve(asked, prompt="y"))  # the text of the first is forgotten
        after = pipeline.generate(asked)
    assert np.array_equal(before.frames, after.frames)
    assert before.audio is not None and after.audio is not None
    assert np.array_equal(before.audio, after.audio)


def test_networks_load_when_they_are_needed(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    with lt.load(tiny) as pipeline:
        session = lt.Session(pipeline, stage_overrides=quick())
        session.extend("x")
    assert session.state is not None
    with caplog.at_level(logging.INFO, logger="longtake_ltx2.loading"):
        with lt.load(tiny, prepare=False) as pipeline:
            assert not caplog.records
            ending = pipeline.finish(session.state)
        assert ending.audio is not None
    loaded = sorted(Path(str(record.args[0])).name for record in caplog.records if record.args)  # type: ignore[index]
    assert loaded == ["audio_vae", "vocoder"]
