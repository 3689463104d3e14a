"""One session rolled by three shells, forked, exported, imported elsewhere: the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from longtake.media.reader import read_take

STORE = ("--sessions", "sqlite:takes.db")
SMALL = ("--height", "32", "--width", "48")
SHORT = ("--family", "pendulum", "--num-frames", "17")
SECONDS = 240


def shell(folder: Path, *words: str) -> subprocess.Popen[str]:
    """``longtake sessions`` in a process of its own, as somebody types it in ``folder``."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "longtake", "sessions", *words, *STORE],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def typed(folder: Path, *words: str) -> str:
    """What a command that succeeds prints."""
    process = shell(folder, *words)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    return out


def segments(folder: Path, session_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(typed(folder, "show", session_id, "--json"))[
        "segments"
    ]
    return found


def digests(folder: Path, session_id: str) -> list[str]:
    return [each["state_digest"] for each in segments(folder, session_id)]


def folders(root: Path, *names: str) -> list[Path]:
    found = [root / name for name in names]
    for folder in found:
        folder.mkdir()
    return found


def test_three_shells_share_the_work_and_the_take_is_that_of_one(tmp_path: Path) -> None:
    shared, alone, elsewhere = folders(tmp_path, "shared", "alone", "elsewhere")
    rolled = ("roll", "tram", "sea", "storm", "--until", "8", *SMALL, *SHORT)
    shells = [shell(shared, *rolled, "--worker", f"shell-{number}") for number in range(3)]
    told = [process.communicate(timeout=SECONDS)[1] for process in shells]
    assert [process.returncode for process in shells] == [0, 0, 0], told
    typed(alone, *rolled)
    assert len(set(digests(shared, "tram"))) == 8
    assert digests(shared, "tram") == digests(alone, "tram")
    counts = [
        sum(line.startswith("segment ") and "rolled by" not in line for line in err.splitlines())
        for err in told
    ]
    assert sum(counts) == 8, told  # each segment by one of them
    made_by = [each["made_by"] for each in segments(shared, "tram")]
    assert [made_by.count(f"shell-{number}") for number in range(3)] == counts

    typed(shared, "fork", "tram", "storm", "--at", "3")
    typed(shared, "roll", "storm", "thunder", *SHORT)
    assert digests(shared, "storm")[:3] == digests(shared, "tram")[:3]
    assert "storm" in typed(shared, "show", "tram", "--sheet", "branches.png")
    typed(shared, "export", "storm", "storm.zip")
    typed(elsewhere, "import", str(shared / "storm.zip"))
    for folder in (shared, elsewhere):
        typed(folder, "roll", "storm", "it clears", "dusk", *SHORT)
        typed(folder, "film", "storm", "storm.mkv")
    assert digests(elsewhere, "storm") == digests(shared, "storm")
    assert len(digests(elsewhere, "storm")) == 6
    here, there = (read_take(folder / "storm.mkv") for folder in (shared, elsewhere))
    np.testing.assert_array_equal(here.frames, there.frames)
    assert here.audio is not None and there.audio is not None
    np.testing.assert_array_equal(here.audio, there.audio)


def test_ctrl_c_and_a_kill_leave_finished_segments_and_the_same_line_goes_on(
    tmp_path: Path,
) -> None:
    for number, name in ((signal.SIGINT, "interrupted"), (signal.SIGKILL, "killed")):
        (folder,) = folders(tmp_path, name)
        line = ("roll", "tram", "sea", "--until", "40", *SMALL, *SHORT)
        process = shell(folder, *line)
        assert process.stderr is not None
        for told in process.stderr:  # until something is committed
            if told.startswith("segment 2/40"):
                break
        process.send_signal(number)
        rest = process.communicate(timeout=SECONDS)[1]
        assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
        held = len(segments(folder, "tram"))
        assert 2 <= held < 40
        if number == signal.SIGINT:
            assert rest.splitlines()[-1] == "interrupted"
            assert rest.splitlines()[-2] == f"session tram: {held} segments are committed"
        shorter = [word if word != "40" else str(held + 1) for word in line]
        typed(folder, *shorter)
        assert len(segments(folder, "tram")) == held + 1
        typed(folder, "film", "tram", "tram.mkv")
        typed(folder, "sweep")
        typed(folder, "film", "tram", "again.mkv")
