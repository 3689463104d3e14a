"""A file is replaced as a whole or stays as it was, and nothing is left beside it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from longtake.durable import flush_folder, replace_file, replacement


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "take.json"
    path.write_bytes(b"old")
    return path


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "no room")


def names(target: Path) -> list[str]:
    return [path.name for path in target.parent.iterdir()]


def test_it_holds_the_new_bytes_and_nothing_is_beside_it(target: Path) -> None:
    replace_file(str(target), b"new")
    assert target.read_bytes() == b"new"
    assert names(target) == ["take.json"]


def test_a_file_that_was_not_there_is_made(tmp_path: Path) -> None:
    replace_file(str(tmp_path / "first"), b"")
    assert (tmp_path / "first").read_bytes() == b""


def test_a_name_without_a_folder_is_in_the_working_one(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(target.parent)
    replace_file("take.json", b"new")
    assert target.read_bytes() == b"new"


def test_its_mode_is_the_one_asked_for(target: Path) -> None:
    replace_file(str(target), b"new", mode=0o600)
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_what_cannot_be_written_leaves_the_old_file(
    target: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    monkeypatch.setattr(os, fails, full)
    with pytest.raises(OSError, match="no room"):
        replace_file(str(target), b"new")
    assert target.read_bytes() == b"old"
    assert names(target) == ["take.json"]


def test_a_block_that_fails_leaves_the_old_file(target: Path) -> None:
    with pytest.raises(KeyError), replacement(str(target)) as temporary:
        Path(temporary).write_bytes(b"half")
        raise KeyError
    assert target.read_bytes() == b"old"
    assert names(target) == ["take.json"]


def test_until_the_block_is_left_the_old_file_is_there(target: Path) -> None:
    with replacement(str(target), prefix=".tmp-") as temporary:
        Path(temporary).write_bytes(b"new")
        assert target.read_bytes() == b"old"
        assert Path(temporary).name.startswith(".tmp-")
    assert target.read_bytes() == b"new"


def test_bytes_then_name_then_folder_reach_the_disk(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def told(name: str, real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            calls.append(name)
            real(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", told("flush", os.fsync))
    monkeypatch.setattr(os, "replace", told("rename", os.replace))
    replace_file(str(target), b"new")
    assert calls == ["flush", "rename", "flush"]


KILLED = """
import os, signal, sys
from longtake import durable

os.CALL = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
durable.replace_file(sys.argv[1], b"new")
"""


@pytest.mark.parametrize(("dies_in", "left"), [("fsync", b"old"), ("replace", b"old")])
def test_a_kill_leaves_the_old_file(target: Path, dies_in: str, left: bytes) -> None:
    code = KILLED.replace("CALL", dies_in)
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == left


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        flush_folder(str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        replace_file(str(tmp_path / "none" / "take.json"), b"new")
