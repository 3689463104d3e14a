"""A family knows its own checkpoints, nobody else's, and no file makes it fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.testing.complaining import fail_for
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.trying import TriedFamily, resolved
from longtake.testing.hanging import each_in_time

__all__ = ["RecognitionContract"]

_USUAL = ("config.json", "model_index.json", "transformer/config.json", "metadata.json")
_SMALL = 2**20
"""Bytes of a file that is read to recognise a checkpoint, and not a file of weights."""

_UNRELATED = json.dumps({"_class_name": "SomethingElse", "model_type": "something-else"})


class RecognitionContract(FamilyFixtures):
    """``recognise`` on all kinds of files and folders."""

    def test_its_own_example_is_recognised(self, tried: TriedFamily) -> None:
        recognise, example = _recogniser(tried)
        answer = recognise(example)
        assert isinstance(answer, lt.Recognition), "the family does not recognise its own example"
        if answer.preset is not None:
            tried.family.preset(answer.preset)  # raises for one that there is not

    def test_nothing_else_is_recognised(self, tried: TriedFamily, tmp_path: Path) -> None:
        recognise, example = _recogniser(tried)

        def claims(path: Path) -> str | None:
            try:
                answer = recognise(path)
            except Exception:  # has a test of its own
                return None
            return "is claimed" if answer is not None else None

        foreign = [*_foreign(tmp_path, example), tmp_path / "missing"]
        fail_for("a family recognises its own checkpoints only", each_in_time(foreign, claims))

    def test_recognising_damaged_files_never_fails(
        self, tried: TriedFamily, tmp_path: Path
    ) -> None:
        recognise, example = _recogniser(tried)

        def fails(path: Path) -> str | None:
            try:
                recognise(path)
            except lt.CheckpointError:
                return None
            except Exception as error:  # the complaint is about it
                return f"raises {type(error).__name__}: {error}"[:200]
            return None

        paths = [*_foreign(tmp_path, example), *_damaged(tmp_path, example), tmp_path / "missing"]
        rule = "recognise returns None, or raises CheckpointError for a damaged checkpoint"
        fail_for(rule, each_in_time(paths, fails))


def _recogniser(tried: TriedFamily) -> tuple[Any, Path]:
    if tried.family.load is None and tried.family.recognise is None:
        pytest.skip("the family has no weights, so there is nothing to recognise")
    if tried.family.recognise is None:
        pytest.fail("a family with `load` needs `recognise`, or its checkpoints are never found")
    assert tried.checkpoint is not None, "a family with `recognise` needs `load` and `example`"
    return resolved(tried.family.recognise), tried.checkpoint


def _garbage() -> Mapping[str, bytes]:
    return {
        "empty": b"",
        "binary": bytes(range(256)) * 4,
        "cut": b'{"a": [1, 2',
        "null": b"null",
        "list": b"[]",
        "text": b'"config"',
        "number": b"1e999",
        "constant": b'{"_class_name": NaN}',
        "deep": b"[" * 200_000,
        "deep-object": b'{"a":' * 50_000,
        "huge": b'{"a": "' + b"x" * 2 * 2**20 + b'"}',
        "numbers": json.dumps({"_class_name": 7, "model_type": None, "architectures": {}}).encode(),
        "utf-16": '{"a": 1}'.encode("utf-16"),
        "unrelated": _UNRELATED.encode(),
    }


def _foreign(folder: Path, example: Path) -> Iterator[Path]:
    """Files and folders that are of no family, some with the names that the example has."""
    root = folder / "foreign"
    root.mkdir(exist_ok=True)
    (root / "empty-folder").mkdir(exist_ok=True)
    yield root / "empty-folder"
    for name in ("notes.txt", "config.json", "model.safetensors"):
        file = root / name
        file.write_text(_UNRELATED if name.endswith("json") else "hello")
        yield file
    names = {*_USUAL, *_small_json(example)}
    for kind, content in _garbage().items():
        yield _folder_of(root / kind, dict.fromkeys(names, content))
    turned = root / "files-are-folders"
    for name in names:
        (turned / name).mkdir(parents=True, exist_ok=True)
    yield turned
    loop = root / "link-to-itself"
    if not loop.is_symlink():
        loop.symlink_to(loop)
    yield loop


def _damaged(folder: Path, example: Path) -> Iterator[Path]:
    """The example with each of its small JSON files damaged in each way."""
    if not example.is_dir():
        return
    for index, name in enumerate(_small_json(example)):
        for kind, content in _garbage().items():
            copy = folder / f"damaged-{index}-{kind}"
            shutil.copytree(example, copy, copy_function=_link)
            (copy / name).unlink()
            (copy / name).write_bytes(content)
            yield copy


def _link(source: str, target: str) -> None:
    Path(target).symlink_to(Path(source).resolve())


def _small_json(example: Path) -> list[str]:
    """The JSON files of the example that a family may look at, near its top."""
    if not example.is_dir():
        return []
    files = sorted(each for each in example.rglob("*.json") if each.stat().st_size < _SMALL)
    return [str(file.relative_to(example)) for file in files]


def _folder_of(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder
