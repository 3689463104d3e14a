"""``longtake plan | head -1``: when nobody reads any more, a command ends without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from longtake.testing import FakeDistributions

COMMANDS = [
    ("plugins",),
    ("plugins", "--json"),
    ("families",),
    ("presets", "--json"),
    ("doctor",),
    ("--help",),
    ("plan", "--help"),
    ("--version",),
]


def run_with_closed_output(
    *argv: str, also_errors: bool = False, **environment: str
) -> tuple[int, bytes]:
    """Exit code and standard error of a command into a pipe whose other end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "longtake", *argv],
            stdout=writing,
            stderr=writing if also_errors else subprocess.PIPE,
            env={**os.environ, "LONGTAKE_PLUGINS": "longtake", **environment},
            check=False,
            timeout=60,
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr or b""


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_a_command_whose_output_nobody_reads_ends_quietly(argv: tuple[str, ...]) -> None:
    assert run_with_closed_output(*argv) == (141, b"")


CHATTY = """
import longtake as lt

def draw(job: lt.Job) -> lt.Frames:
    import numpy as np

    print("drawing")
    return lt.Frames(np.zeros((job.sampling.num_frames, 16, 16, 3), np.uint8))

@lt.hookimpl
def longtake_families():
    sizes = {"seed": 0, "height": 16, "width": 16, "num_frames": 2, "fps": 24}
    return [lt.ModelFamily("chatty", (draw,), defaults=sizes)]
"""


def test_what_a_family_prints_for_nobody_is_no_error_either(tmp_path: Path) -> None:
    installed = FakeDistributions(tmp_path)
    installed.add("chatty", CHATTY)
    path = os.pathsep.join([str(installed.folder), *sys.path])
    video = tmp_path / "take.mp4"
    code, errors = run_with_closed_output(
        *("generate", "a", "-o", str(video)),
        LONGTAKE_PLUGINS="chatty",
        PYTHONPATH=path,
        PYTHONUNBUFFERED="",
    )
    assert code == 141
    assert b"Exception ignored" not in errors
    assert video.exists()


def test_an_error_that_nobody_reads_is_still_a_failure() -> None:
    code, _ = run_with_closed_output("presets", "nobody", also_errors=True)
    assert code != 0


def test_an_error_is_told_although_nobody_reads_the_output() -> None:
    code, errors = run_with_closed_output("presets", "nobody")
    assert code == 2
    assert errors.startswith(b"error: no plugin provides the family 'nobody'")


def test_output_that_was_read_as_far_as_it_goes_is_no_failure() -> None:
    command = [sys.executable, "-m", "longtake", "families"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read().startswith(b"FAMILY")
        process.stdout.close()
        assert process.wait() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are those of POSIX")
def test_a_command_without_any_standard_output_is_no_failure() -> None:
    command = 'exec "$0" -m longtake families >&-'
    done = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
