"""The demo makes playable takes of three segments, and a picture of each."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from attrs import evolve
from PIL import Image

import longtake as lt
from longtake.media.reader import read_take

pytest.importorskip("longtake_ltx2_tiny")

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder that the demo wrote, and the lines that it printed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, str(DEMO), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return out, done.stdout.splitlines()


@pytest.mark.parametrize(("name", "frames"), [("demo", (41, 32, 32)), ("pendulum", (69, 60, 60))])
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
    end = next(n for n, line in enumerate(lines) if f"{name}.mp4" in line)
    header, *rows = lines[end - 4 : end]
    assert header.split()[:3] == ["segment", "frames", "seconds"]
    expected = [[str(number), str(count)] for number, count in enumerate(frames, 1)]
    assert [row.split()[:2] for row in rows] == expected


def test_the_demo_says_what_its_weights_have_learned(demo: tuple[Path, list[str]]) -> None:
    text = "\n".join(demo[1])
    assert "have learned circles" in text
    assert "--model" in text


def test_the_demo_ends_with_the_takes_rolled_again_by_three_processes(
    demo: tuple[Path, list[str]],
) -> None:
    header, names, rows, last = _lines_of_the_claim(demo[1])
    assert header.split() == ["one", "process", "3", "processes"]
    assert names.split() == ["frames", "sound"] * 2
    assert [row[:2] for row in rows] == [
        [family, str(number)] for number in (1, 2, 3) for family in ("pendulum", "ltx2")
    ]
    digests = [tuple(row[2:4]) for row in rows]
    assert [tuple(row[4:]) for row in rows] == [(*digest, "equal") for digest in digests]
    assert len(set(digests)) == len(rows)
    assert last == "3 processes made the takes that one process made, bit for bit."


def _lines_of_the_claim(lines: list[str]) -> tuple[str, str, list[list[str]], str]:
    header, names, *rows, last = lines[-9:]
    return header, names, [row.split() for row in rows], last


def test_the_digests_are_those_of_what_the_file_holds(demo: tuple[Path, list[str]]) -> None:
    """Guards the test above: what is hashed is the take, and other samples have another digest."""
    module = runpy.run_path(str(DEMO))
    with lt.load(family="pendulum") as pipeline:
        first = lt.Session(pipeline).extend(module["PALETTES"][0])
    *_, rows, _ = _lines_of_the_claim(demo[1])
    assert module["digests"](first).split() == rows[0][2:4]
    assert first.audio is not None
    off = evolve(first, audio=np.nextafter(first.audio, np.float32(1)))
    assert module["digests"](off).split()[1] != rows[0][3]


def test_another_take_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    module = runpy.run_path(str(DEMO))
    with lt.load(family="pendulum") as pipeline:
        take = module["roll"](pipeline, ["dusk"])
    show = module["Show"]("pendulum", "-", ("dawn",), "none.mp4")
    with pytest.raises(SystemExit, match="another take"):
        module["roll_again"]([show], [take])
    assert "DIFFERENT" in capsys.readouterr().out
