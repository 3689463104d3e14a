"""Only regular files are read and replaced, with names and sizes that systems take."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

import longtake as lt
from longtake.durable import part_prefix, replace_file
from longtake.files import check_replaceable, read_bounded


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_regular_file_a_link_to_one_and_a_new_name_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"")
    (tmp_path / "link").symlink_to("there")
    for name in ("there", "link", "new"):
        check_replaceable(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "there"]


def test_a_pipe_is_neither_read_nor_replaced(pipe: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(pipe)
    for path in (pipe, tmp_path / "link"):
        with pytest.raises(lt.OutputError, match="is a named pipe; only a regular file is replac"):
            check_replaceable(path)
        with pytest.raises(OSError, match="is a named pipe"):
            replace_file(str(path), b"new")
        with pytest.raises(lt.ValidationError, match="is a named pipe; only a regular file is rea"):
            read_bounded(path, 100)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


def test_a_socket_is_neither_read_nor_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        with pytest.raises(lt.OutputError, match="is a socket"):
            check_replaceable("socket")
        with pytest.raises(lt.ValidationError, match="cannot be read|is a socket"):
            read_bounded("socket", 100)


def test_a_file_is_read_up_to_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(lt.ValidationError, match="has 5 bytes; at most 4 are read") as refused:
        read_bounded(path, 4)
    assert refused.value.path == str(path)


def test_a_file_with_a_hole_is_as_large_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(lt.ValidationError, match=f"has {2**40} bytes"):
        read_bounded(path, 2**30)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a" * 256, "a name of 256 bytes; at most 255"),
        ("ü" * 128, "a name of 256 bytes; at most 255"),
        ("a" * 256 + "/b", "a name of 256 bytes"),
        ("caf\udce9", "no Unicode text; rename it in UTF-8"),
        ("a\0b", "a NUL character"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(lt.OutputError, match=problem) as output:
        check_replaceable(tmp_path / name)
    with pytest.raises(lt.ValidationError, match=problem):
        read_bounded(tmp_path / name, 5)
    str(output.value).encode()


def test_a_folder_whose_name_is_no_text_takes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    monkeypatch.chdir(os.fsdecode(folder))
    with pytest.raises(lt.OutputError, match="its folder has a name that is no Unicode text"):
        check_replaceable("take.mp4")


@pytest.mark.parametrize("name", ["a" * 255, "ü" * 127, "a" + "€" * 84])
def test_the_longest_names_are_written_and_their_parts_begin_alike(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_replaceable(tmp_path / name)
    parts: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: parts.extend(os.listdir(tmp_path)))
    replace_file(str(tmp_path / name), b"whole")
    assert (tmp_path / name).read_bytes() == b"whole"
    assert parts[0].startswith(part_prefix(name)) and parts[0].endswith(".part")
    assert part_prefix("take.mp4") == ".take.mp4."


def test_a_file_is_its_owners_alone_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file(str(tmp_path / "new"), b"")
    assert mode_of(tmp_path / "new") == 0o600
    monkeypatch.setenv("LONGTAKE_FILE_MODE", "644")
    replace_file(str(tmp_path / "shared"), b"")
    assert mode_of(tmp_path / "shared") == 0o644
    replace_file(str(tmp_path / "new"), b"")
    assert mode_of(tmp_path / "new") == 0o600
    (tmp_path / "new").chmod(0o640)
    replace_file(str(tmp_path / "new"), b"")
    assert mode_of(tmp_path / "new") == 0o640


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
