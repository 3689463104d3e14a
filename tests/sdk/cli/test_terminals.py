"""Commands as they are seen on a real terminal: narrow, made narrower, or dumb."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from longtake.testing import FakeDistributions
from tests.sdk.cli.commands.test_doctor import heed_interrupts
from tests.sdk.cli.terminals import MUD, Shown, environment_of, on_terminal, resize

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals are those of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    FakeDistributions(tmp_path).add("longtake-mud", MUD)
    return tmp_path


def widest(shown: Shown) -> int:
    return max(map(len, shown.lines))


def test_a_take_fits_sixty_columns(folder: Path) -> None:
    shown = on_terminal(folder, "a tram turns", "it rains", columns=60)
    assert shown.code == 0, shown.text
    assert widest(shown) < 60
    told = shown.text
    order = [
        "note: without --model",
        "loading mud",
        "loading swamp |",
        "mud, preset brown_and_wet_and_deep@1",
        "seed 1, 32x48",
        "segment 1/2 draw_something_...",
        "segment 2/2 draw_something_...",
        "take.mp4: 17 frames",
    ]
    found = [told.find(text) for text in order]
    assert -1 not in found
    assert found == sorted(found)
    # It is kept while the next one is made.
    assert found[5] < told.find("segment 1/2: 13 frames") < found[-1]
    assert "\x1b" not in told


def test_it_follows_a_terminal_that_is_made_narrower(folder: Path) -> None:
    seen: list[int] = []

    def watch(terminal: int, text: str) -> None:
        if not seen and "loading" in text:
            seen.append(len(text))
            resize(terminal, 60)

    shown = on_terminal(folder, "a tram turns", *["it rains"] * 5, columns=120, watch=watch)
    assert shown.code == 0
    last = Shown(0, shown.text[shown.text.index("segment 2/6") :])
    assert widest(last) < 60


@pytest.mark.parametrize("command", ["presets", "families", "plugins", "doctor"])
def test_tables_fit_sixty_columns(folder: Path, command: str) -> None:
    shown = on_terminal(folder, command, columns=60)
    assert shown.code == 0
    assert widest(shown) < 60
    assert "brown_and_wet_and_deep" in shown.text


def test_help_fits_sixty_columns(folder: Path) -> None:
    assert widest(on_terminal(folder, "--help", columns=60)) < 60


def test_a_dumb_terminal_gets_lines_alone(folder: Path) -> None:
    shown = on_terminal(folder, "a tram turns", columns=60, TERM="dumb", NO_COLOR="1")
    assert shown.code == 0
    assert "loading" not in shown.text
    assert "segment 1/1: 13 frames" in shown.text
    assert "\r" not in shown.text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_a_signal_while_loading_is_one_line_and_its_code(
    folder: Path, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "longtake", "a tram turns", "--device", "slow"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment_of(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    ) as process:
        while not (folder / "loading").exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(number)
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, "")
    assert said.splitlines()[-1] == "interrupted"
    assert "Traceback" not in said


def test_ctrl_c_on_a_terminal_ends_the_bar_first(folder: Path) -> None:
    typed: list[int] = []

    def watch(terminal: int, text: str) -> None:
        if not typed and "as some families" in text.replace("...", "as some families"):
            typed.append(os.write(terminal, b"\x03"))

    shown = on_terminal(folder, "a tram turns", "--device", "slow", columns=60, watch=watch)
    assert shown.code == 130
    assert shown.lines[-1] == "interrupted"
