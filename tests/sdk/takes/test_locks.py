"""One writer per file, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import longtake as lt
from longtake.takes.locks import locked

HOLDER = """
import sys
from longtake.takes.locks import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    refused = pytest.raises(lt.OutputError, match="another command is writing it")
    with locked(path), refused, locked(path):
        pass
    with locked(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_of_several_files_none_is_held_after_a_refusal(tmp_path: Path) -> None:
    one, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    with locked(other), pytest.raises(lt.OutputError, match="b.mp4"), locked(one, other):
        pass
    with locked(one, other):
        pass


def test_both_names_of_a_file_have_one_lock(tmp_path: Path) -> None:
    path, link = tmp_path / "take.mp4", tmp_path / "link.mp4"
    link.symlink_to(path)
    with locked(path), pytest.raises(lt.OutputError), locked(link):
        pass


def test_many_threads_have_one_winner_and_long_names_fit(tmp_path: Path) -> None:
    path, inside = tmp_path / ("n" * 250), []
    release = threading.Event()

    def hold() -> None:
        try:
            with locked(path):
                inside.append(True)
                release.wait(10)
        except lt.OutputError:
            inside.append(False)

    threads = [threading.Thread(target=hold) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(inside) < 8:
        release.wait(0.01)
    release.set()
    for thread in threads:
        thread.join()
    assert sum(inside) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_nothing_and_its_parts_are_swept(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    program = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        part = tmp_path / ".take.mp4.01234567.part"
        part.touch()
        with pytest.raises(lt.OutputError), locked(path):
            pass
        assert part.exists()  # of one who lives
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with locked(path) as killed:
        assert killed
        assert not part.exists()
    with locked(path) as killed:
        assert not killed
    assert list(tmp_path.iterdir()) == []
