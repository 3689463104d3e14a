"""The first hour of somebody new: README's commands, typed as written, behind the installation.

Real processes with an empty home and no environment but a path; a real Ctrl-C. ``DIR`` is no folder
that the tests have, so ``--model DIR`` is replaced by the family that needs no checkpoint, in its
own size: `tests.test_snippets` runs the same lines with a tiny checkpoint.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from longtake.media.reader import read_take
from tests.snippets.blocks import ROOT, blocks_of, commands_of

TIMEOUT = 120
FIRST, LATER = 69, 60
"""New frames of a first segment and of the others."""

COMMANDS = [
    command
    for block in blocks_of(ROOT / "README.md")
    if block.kind == ""
    for command in commands_of(block)
]


def line(*parts: str, without: str = "\0") -> list[str]:
    """The one command of README that has all ``parts``, as words, ready to be run here."""
    (found,) = (c for c in COMMANDS if all(part in c for part in parts) and without not in c)
    words = shlex.split(found.replace("--model DIR", "--family pendulum"), comments=True)
    assert words[0] == "longtake"
    return words


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What ``env -i HOME=... PATH=...`` leaves, with the installed ``longtake`` on the path."""
    installed = shutil.which("longtake", path=str(Path(sys.executable).parent))
    assert installed is not None, "the packages are installed with their command"
    home = tmp_path_factory.mktemp("home")
    return {"HOME": str(home), "PATH": f"{Path(installed).parent}{os.pathsep}/usr/bin:/bin"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("somewhere")


@pytest.fixture(scope="module")
def typed(
    folder: Path, environment: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    def type_in(words: list[str], code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == code, shlex.join(words) + "\n" + done.stdout + done.stderr
        return done

    return type_in


def interrupted(words: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a command said that gets Ctrl-C once its first segment is in the file."""
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Where a shell runs tests in the background, Ctrl-C would be ignored from the start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    output = folder / words[words.index("-o") + 1]
    state = output.with_name(f"{output.name}.state.json")
    deadline = time.monotonic() + TIMEOUT
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130, said
    return said


def frames_of(path: Path) -> int:
    take = read_take(path)
    assert take.fps is not None and take.audio is not None and take.sample_rate is not None
    seconds = len(take.frames) / take.fps
    assert abs(take.audio.shape[1] / take.sample_rate - seconds) < 1 / take.fps
    return len(take.frames)


def test_the_first_take(
    folder: Path, typed: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    typed(line("dusk over the sea"))
    assert frames_of(folder / "pendulum.mp4") == FIRST + 2 * LATER


def test_own_take_interrupted_resumed_and_looked_at(
    folder: Path,
    environment: dict[str, str],
    typed: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    whole = line("it stops", "-o take.mp4", without="--resume")
    said = interrupted(whole, folder, environment)
    held = frames_without_sound(folder / "take.mp4")
    assert held in (FIRST, FIRST + LATER), "what was finished is in the file"
    assert re.search(r"longtake generate .*--resume", said), said

    typed(whole, code=2)
    assert frames_without_sound(folder / "take.mp4") == held, "and nothing replaces it unasked"

    resumed = line("--resume")
    assert resumed == [*whole, "--resume"], "the same command again, and one word"
    typed(resumed)
    assert frames_of(folder / "take.mp4") == FIRST + 2 * LATER

    shown = typed(line("inspect take.mp4")).stdout
    for prompt in ("a tram turns into a street", "it stops", "rain begins"):
        assert prompt in shown


def frames_without_sound(path: Path) -> int:
    return len(read_take(path).frames)


def test_the_resumed_take_is_the_one_that_nobody_interrupted(
    folder: Path, typed: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    whole = line("it stops", "-o take.mp4", without="--resume")
    typed([word if word != "take.mp4" else "again.mp4" for word in whole])
    one, other = read_take(folder / "take.mp4"), read_take(folder / "again.mp4")
    assert np.array_equal(one.frames, other.frames)


def test_parts_are_joined_to_the_take(
    folder: Path, typed: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    for part in ("-o 1.mp4", "-o 2.mp4"):
        typed(line(part))
    typed(line("longtake join"))
    assert frames_of(folder / "joined.mp4") == FIRST + LATER
    one = read_take(folder / "joined.mp4")
    parts = [read_take(folder / name).frames for name in ("1.mp4", "2.mp4")]
    assert np.array_equal(one.frames, np.concatenate(parts))


def test_nothing_is_left_at_home(folder: Path, environment: dict[str, str]) -> None:
    """Guards the tests above: what is typed works without settings, and writes none."""
    assert list(Path(environment["HOME"]).iterdir()) == []
    litter = [file.name for file in folder.iterdir() if file.name.endswith(".part")]
    assert litter == []
