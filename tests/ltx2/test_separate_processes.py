"""Three processes, joined only by a state file, roll the very take that one process rolls."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longtake.media.reader import DecodedTake, read_take
from tests.ltx2.test_command_line import longtake

PROMPTS = ["a bell in the fog", "a second bell answers", "the fog lifts"]
SIZE = ["--height", "256", "--width", "384"]  # nine such frames of noise are too big to be inline


def generate_alone(*arguments: str | Path) -> None:
    """In a process of its own."""
    command = [sys.executable, "-m", "longtake", "generate", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def joined(parts: list[DecodedTake]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    sounds = [part.audio for part in parts if part.audio is not None]
    return np.concatenate([part.frames for part in parts]), np.concatenate(sounds, axis=1)


@pytest.fixture(scope="module")
def one_process(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> DecodedTake:
    """What this process rolls, which is none of the three."""
    take = tmp_path_factory.mktemp("one") / "take.mkv"
    longtake(
        "generate", *PROMPTS, "--model", tiny, "--segments", "3", "--seed", "4", *SIZE, "-o", take
    )
    return read_take(take)


@pytest.mark.parametrize("where", ["inline", "blobs"])
def test_three_processes_equal_one_bit_for_bit(
    tiny: Path, one_process: DecodedTake, tmp_path: Path, where: str, attempt: int
) -> None:
    state, store = tmp_path / "state.json", tmp_path / "store"
    store.mkdir()
    blobs = ["--blobs", f"file://{store}"] if where == "blobs" else []
    parts = []
    for number, prompt in enumerate(PROMPTS, 1):
        part = tmp_path / f"{number}.mkv"
        start = ["--seed", "4", *SIZE] if number == 1 else []
        resume = ["--state", str(state)] if number > 1 else []
        save = ["--save-state", str(state)] if number < len(PROMPTS) else []
        generate_alone(prompt, "--model", tiny, "-o", part, *blobs, *start, *resume, *save)
        parts.append(read_take(part))
    frames, sound = joined(parts)
    assert one_process.audio is not None
    assert np.array_equal(frames, one_process.frames)
    assert np.array_equal(sound, one_process.audio)
    payload = json.loads(state.read_text())["payload"]
    assert ("blob_id" in payload["video"]) == (where == "blobs")
