"""A tokenizer that cannot pad prompts is refused before anything is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from tests.ltx2.support import networks
from tests.ltx2.watching import quick


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, to be changed."""
    return shutil.copytree(tiny, tmp_path / "checkpoint")


def configure(folder: Path, *, without: tuple[str, ...] = (), **changes: Any) -> Path:
    file = folder / "tokenizer" / "tokenizer_config.json"
    config = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: config[key] for key in config.keys() - without}))
    return file


@pytest.mark.parametrize("token", [None, "", 3, {}, {"content": ""}])
def test_neither_pad_nor_eos(folder: Path, token: object) -> None:
    file = configure(folder, pad_token=token, eos_token=token)
    with pytest.raises(lt.CheckpointError, match="neither a pad_token nor an eos_token") as caught:
        lt.load(folder, prepare=False)
    assert caught.value.path == str(file)
    configure(folder, without=("pad_token", "eos_token"))
    with pytest.raises(lt.CheckpointError, match="add the pad_token"):
        lt.load(folder, prepare=False)


@pytest.mark.parametrize("gone", ["pad_token", "eos_token"])
def test_one_of_them_is_enough(folder: Path, gone: str) -> None:
    configure(folder, without=(gone,))
    with lt.load(folder) as pipeline:
        request = lt.GenerationRequest("rain", stage_overrides=quick())
        assert pipeline.generate(request).frames is not None


def test_a_token_of_a_file_of_its_own(folder: Path) -> None:
    configure(folder, without=("pad_token", "eos_token"))
    token = {"content": "<pad>", "special": True}
    (folder / "tokenizer" / "special_tokens_map.json").write_text(json.dumps({"pad_token": token}))
    (tokenizer,) = networks(folder)["tokenizers"]
    assert tokenizer.pad_token == "<pad>"


@pytest.mark.parametrize("text", ["{", "3", "[]"])
@pytest.mark.parametrize("name", ["tokenizer_config.json", "special_tokens_map.json"])
def test_damaged_files(folder: Path, name: str, text: str) -> None:
    file = folder / "tokenizer" / name
    file.write_text(text)
    with pytest.raises(lt.CheckpointError) as caught:
        lt.load(folder, prepare=False)
    assert caught.value.path == str(file)
