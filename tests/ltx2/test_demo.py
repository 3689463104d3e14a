"""The demo makes a playable take of three segments, and a picture of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
from PIL import Image

from longtake.media.reader import read_take

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
FRAMES, OVERLAP = 25, 9


def test_the_demo_writes_a_take_and_its_contact_sheet(tmp_path: Path) -> None:
    command = [sys.executable, str(DEMO), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    with av.open(str(tmp_path / "out" / "demo.mp4")) as container:
        codecs = [stream.codec_context.name for stream in container.streams]
    assert sorted(codecs) == ["aac", "h264"]
    take = read_take(tmp_path / "out" / "demo.mp4")
    assert len(take.frames) == 3 * FRAMES - 2 * OVERLAP
    assert take.audio is not None
    assert take.sample_rate is not None
    assert take.fps is not None
    difference = len(take.frames) / take.fps - take.audio.shape[1] / take.sample_rate
    assert abs(difference) < 1 / take.fps
    with Image.open(tmp_path / "out" / "demo.png") as sheet:
        assert min(sheet.size) > 300
        assert np.asarray(sheet).std() > 20
    header, *rows = done.stdout.splitlines()
    assert header.split()[:3] == ["segment", "frames", "seconds"]
    assert [row.split()[:2] for row in rows[:3]] == [["1", "25"], ["2", "16"], ["3", "16"]]
    assert "noise" in done.stdout
    assert "--model" in done.stdout
