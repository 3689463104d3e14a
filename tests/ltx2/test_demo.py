"""The demo makes playable takes of three segments, and a picture of each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from longtake.media.reader import read_take

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder that the demo wrote, and the lines that it printed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, str(DEMO), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return out, done.stdout.splitlines()


@pytest.mark.parametrize(("name", "frames"), [("demo", (25, 16, 16)), ("pendulum", (69, 60, 60))])
def test_the_demo_writes_a_take_and_its_contact_sheet(
    demo: tuple[Path, list[str]], name: str, frames: tuple[int, ...]
) -> None:
    out, lines = demo
    with av.open(str(out / f"{name}.mp4")) as container:
        codecs = [stream.codec_context.name for stream in container.streams]
    assert sorted(codecs) == ["aac", "h264"]
    take = read_take(out / f"{name}.mp4")
    assert len(take.frames) == sum(frames)
    assert take.audio is not None
    assert take.sample_rate is not None
    assert take.fps is not None
    difference = len(take.frames) / take.fps - take.audio.shape[1] / take.sample_rate
    assert abs(difference) < 1 / take.fps
    with Image.open(out / f"{name}.png") as sheet:
        assert min(sheet.size) > 300
        assert np.asarray(sheet).std() > 20
    start = next(n for n, line in enumerate(lines) if f"{name}.mp4" in line)
    header, *rows = lines[start + 1 : start + 5]
    assert header.split()[:3] == ["segment", "frames", "seconds"]
    expected = [[str(number), str(count)] for number, count in enumerate(frames, 1)]
    assert [row.split()[:2] for row in rows] == expected


def test_the_demo_says_that_random_weights_make_noise(demo: tuple[Path, list[str]]) -> None:
    text = "\n".join(demo[1])
    assert "noise" in text
    assert "--model" in text
