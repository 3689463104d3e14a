"""The command on LTX-2: a killed take plays and goes on; a take ends; a state can be looked at."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import longtake as lt
from longtake.cli import main
from longtake.media.reader import read_take
from longtake_ltx2 import predict_num_frames
from tests.ltx2.support import Checkpoints, moving_frames

SMALL = ["--set", "denoise.stg_scale=0", "--set", "denoise.audio_stg_scale=0", "--steps", "2"]


def longtake(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The command in this process, which has imported the networks' libraries already."""
    given = [str(each) for each in arguments]
    with (
        contextlib.redirect_stdout(io.StringIO()) as printed,
        contextlib.redirect_stderr(io.StringIO()) as said,
    ):
        returned = main(given)
    done = subprocess.CompletedProcess(given, returned, printed.getvalue(), said.getvalue())
    assert done.returncode == code, done.stderr
    return done


def longtake_alone(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with all that libraries say while they are imported."""
    command = [sys.executable, "-m", "longtake", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stderr
    return done


def segments_in(state: Path) -> int:
    return int(json.loads(state.read_text())["payload"]["segment_index"]) + 1


def test_a_killed_take_plays_and_its_state_goes_on(tiny: Path, tmp_path: Path) -> None:
    out, state = tmp_path / "take.mkv", tmp_path / "take.mkv.state.json"
    arguments = ["generate", "waves", "--model", tiny, "--segments", "500", *SMALL, "-o", out]
    command = [sys.executable, "-m", "longtake", *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not (state.exists() and segments_in(state) >= 2) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    clock = json.loads(state.read_text())["payload"]["metadata"]["longtake"]["clock"]
    played = read_take(out)
    assert len(played.frames) >= clock["frames"] >= 25 + 16
    assert played.audio is not None
    assert played.audio.shape[1] >= clock["samples"]
    more = tmp_path / "more.mkv"
    longtake("generate", "the tide", "--model", tiny, "--state", state, *SMALL, "-o", more)
    assert len(read_take(more).frames) == 16


def test_finish_gives_the_sound_that_a_take_lacks(tiny: Path, tmp_path: Path) -> None:
    state = tmp_path / "take.json"
    part, tail, whole = (tmp_path / f"{name}.mkv" for name in ("part", "tail", "whole"))
    longtake("generate", "a", "--model", tiny, *SMALL, "--save-state", state, "-o", part)
    longtake("finish", "--state", state, "--model", tiny, "-o", tail)
    longtake("generate", "a", "--model", tiny, *SMALL, "-o", whole)
    sounds: list[Any] = [read_take(path).audio for path in (part, tail, whole)]
    assert np.array_equal(np.concatenate(sounds[:2], axis=1), sounds[2])
    assert sounds[2].shape[1] == 25 * 1000


def test_inspect_shows_the_state_and_writes_its_frames(tiny: Path, tmp_path: Path) -> None:
    state, folder = tmp_path / "take.json", tmp_path / "frames"
    out = tmp_path / "take.mp4"
    longtake("generate", "a", "--model", tiny, *SMALL, "--save-state", state, "-o", out)
    shown = json.loads(longtake("inspect", state, "--json", "--frames", folder).stdout)
    assert shown["kind"] == "ltx2.v1"
    pictures = sorted(folder.glob("frame-*.png"))
    assert len(pictures) == 9
    with Image.open(pictures[0]) as picture:
        assert picture.size == (96, 64)
    assert (folder / "contact-sheet.png").is_file()


def test_mistakes_are_one_line_and_exit_code_2(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "take.mp4"
    for arguments, said in [
        (["--num-frames", "26"], "sampling.num_frames"),
        (["--preset", "nope"], "nope"),
        (["--set", "denoise.nope=1"], "stage_overrides.denoise.nope"),
        (["--numerics", "nope"], "numerics"),
        (["--height", "65"], "sampling.height"),
    ]:
        run = longtake_alone if said == "nope" else longtake
        done = run("generate", "a", "--model", tiny, "-o", out, *arguments, code=2)
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert not out.exists()


def test_the_model_says_how_long_each_segment_is(checkpoints: Checkpoints, tmp_path: Path) -> None:
    path, out = checkpoints.path("2.5"), tmp_path / "take.mkv"
    prompts = ("fog", "a lighthouse in the fog")
    with lt.load(path, device="cpu") as pipeline:
        frames = [predict_num_frames(pipeline, prompt) for prompt in prompts]
    small = ("--steps", "2", "--height", "64", "--width", "96", "--no-audio")
    arguments = ("--model", path, "--num-frames", "auto", *small, "-o", out)
    done = longtake("generate", *prompts, *arguments)
    assert len(read_take(out).frames) == frames[0] + frames[1] - 1
    assert f"segment 1/2: {frames[0]} frames" in done.stderr
    options = ("--overwrite", "--set", "sampling.num_frames=17")
    said = longtake("generate", "fog", *arguments, *options)
    assert "segment 1/1: 17 frames" in said.stderr
    refused = longtake(
        *("generate", "fog", "--model", checkpoints.path("2.0"), "--num-frames", "auto"),
        *("-o", tmp_path / "none.mkv"),
        code=2,
    )
    assert "no duration head" in refused.stderr


def test_a_file_that_was_no_take_is_extended_and_goes_on(tiny: Path, tmp_path: Path) -> None:
    clip, out, state = tmp_path / "clip.mkv", tmp_path / "take.mkv", tmp_path / "take.json"
    frames = np.stack(moving_frames(10, 60, 90))
    tone = np.sin(np.arange(8000, dtype=np.float32) / 5)[None] * np.float32(0.5)
    clip.write_bytes(lt.SourceInput.from_frames(frames, Fraction(24000, 1001), tone, 16_000).data)
    made: list[str | Path] = ["--model", tiny, *SMALL, "-o", out]
    done = longtake("extend", clip, "waves", "--by", "0.7", *made, "--save-state", state)
    assert "of its 10 frames the last 9 are in the take" in done.stderr
    assert "is 60x90; the take is 64x96" in done.stderr
    longtake("generate", "foam", *made, "--state", state, "--resume")
    take = read_take(out)
    assert (take.frames.shape, take.fps) == ((25 + 16, 64, 96, 3), Fraction(24000, 1001))
    assert take.audio is not None
    assert take.sample_rate is not None
    seconds = take.audio.shape[1] / take.sample_rate
    assert abs(seconds - 41 * 1001 / 24000) < 0.01
