"""Which files of a network are its weights: those that its library reads, checked and loaded."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import longtake as lt
from longtake_ltx2.loading.weight_files import Library, weight_files
from tests.ltx2.support import networks

DIFFUSERS = "diffusion_pytorch_model.safetensors"
WHOLE: dict[Library, tuple[str, str]] = {
    "diffusers": ("transformer", DIFFUSERS),
    "transformers": ("text_encoder", "model.safetensors"),
}
LIBRARIES = list(WHOLE)


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, to be changed."""
    return shutil.copytree(tiny, tmp_path / "checkpoint")


def network(folder: Path, library: Library) -> Any:
    found = networks(folder)
    return found["transformer"] if library == "diffusers" else found["text_encoders"][0]


def shard(whole: Path, change: float = 0.0) -> list[Path]:
    """Write the weights of a file in two, each ``change`` more, and their index."""
    weights = load_file(whole)
    names = sorted(weights)
    index: dict[str, str] = {}
    files = []
    for part in (0, 1):
        file = whole.with_name(f"{whole.stem}-0000{part + 1}-of-00002.safetensors")
        own = names[part::2]
        save_file({name: weights[name] + change for name in own}, file, {"format": "pt"})
        index |= dict.fromkeys(own, file.name)
        files.append(file)
    Path(f"{whole}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    return files


def damage(file: Path) -> None:
    """Another file of this name: networks may be mapped from the old one."""
    file.unlink()
    file.write_bytes(b"x")


def assert_equal(loaded: Any, expected: dict[str, torch.Tensor]) -> None:
    found = loaded.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_the_index_of_a_variant_that_is_not_there(folder: Path) -> None:
    variant = folder / "transformer" / "diffusion_pytorch_model.fp16.safetensors.index.json"
    variant.write_text(json.dumps({"metadata": {}, "weight_map": {"a": "gone.safetensors"}}))
    other = folder / "text_encoder" / "model.fp16.safetensors.index.json"
    shutil.copy(variant, other)
    expected = load_file(folder / "transformer" / DIFFUSERS)
    with lt.load(folder):
        assert_equal(networks(folder)["transformer"], expected)


@pytest.mark.parametrize("library", LIBRARIES)
def test_shards_alone(folder: Path, library: Library) -> None:
    name, file = WHOLE[library]
    expected = {k: v.clone() for k, v in network(folder, library).state_dict().items()}
    files = shard(folder / name / file)
    (folder / name / file).unlink()
    assert weight_files(folder / name, library) == files
    assert_equal(network(folder, library), expected)


@pytest.mark.parametrize("library", LIBRARIES)
def test_shards_beside_a_whole_file(folder: Path, library: Library) -> None:
    """diffusers reads the shards, transformers the whole file; the other may be damaged."""
    name, file = WHOLE[library]
    whole = folder / name / file
    before = {k: v.clone() for k, v in network(folder, library).state_dict().items()}
    shards = shard(whole, change=1.0)
    read, other = (shards, [whole]) if library == "diffusers" else ([whole], shards)
    assert weight_files(folder / name, library) == read
    for unread in other:
        damage(unread)
    change = 1.0 if library == "diffusers" else 0.0
    assert_equal(network(folder, library), {key: v + change for key, v in before.items()})
    damage(read[0])
    with pytest.raises(lt.CheckpointError) as refused:
        lt.load(folder, prepare=False)
    assert refused.value.path == str(read[0])


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_network_that_was_split_and_then_saved_whole(folder: Path, library: Library) -> None:
    """The old index stays, and diffusers itself then looks for the shards."""
    name, file = WHOLE[library]
    saved = copy.deepcopy(network(folder, library))
    (folder / name / file).unlink()
    saved.save_pretrained(folder / name, max_shard_size="20KB")
    assert len(weight_files(folder / name, library)) > 1
    saved.save_pretrained(folder / name)
    assert (folder / name / f"{file}.index.json").is_file()
    assert weight_files(folder / name, library) == [folder / name / file]
    assert_equal(network(folder, library), saved.state_dict())


def test_some_shards_beside_a_whole_file(folder: Path) -> None:
    files = shard(folder / "transformer" / DIFFUSERS)
    files[1].unlink()
    with pytest.raises(lt.CheckpointError, match=r"take .*index\.json away") as refused:
        lt.load(folder, prepare=False)
    assert refused.value.path == str(files[1])


@pytest.mark.parametrize("library", LIBRARIES)
def test_some_shards_are_missing(folder: Path, library: Library) -> None:
    name, file = WHOLE[library]
    files = shard(folder / name / file)
    (folder / name / file).unlink()
    files[0].unlink()
    with pytest.raises(lt.CheckpointError, match="download the rest") as refused:
        lt.load(folder, prepare=False)
    assert refused.value.path == str(files[0])


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_variant_alone_is_not_read(folder: Path, library: Library) -> None:
    name, file = WHOLE[library]
    whole = folder / name / file
    whole.rename(whole.with_name(f"{whole.stem}.fp16.safetensors"))
    with pytest.raises(lt.CheckpointError, match=r"fp16\.safetensors.*rename") as refused:
        lt.load(folder, prepare=False)
    assert refused.value.path == str(folder / name)


def test_pickled_weights_beside_others_do_not_matter(folder: Path) -> None:
    (folder / "transformer" / "diffusion_pytorch_model.bin").write_bytes(b"x")
    (folder / "text_encoder" / "pytorch_model.bin").write_bytes(b"x")
    (folder / "text_encoder" / "pytorch_model.bin.index.json").write_text("{}")
    lt.load(folder).close()
    (folder / "transformer" / DIFFUSERS).unlink()
    with pytest.raises(lt.CheckpointError, match="is pickled, which is not read"):
        lt.load(folder, prepare=False)
