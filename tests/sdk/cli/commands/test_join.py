"""``longtake join``: the parts of a take as one file, and as other kinds of file."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import longtake as lt
from longtake.media.reader import read_take
from tests.sdk.cli.cli_support import Command
from tests.sdk.takes.footage import footage


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_parts_become_the_take_of_one_process(longtake: Command, suffix: str) -> None:
    film = footage(frames=(24, 16, 25))
    whole = film.write(Path(f"whole{suffix}"), [0, 1, 2])
    for number in range(3):
        film.write(Path(f"{number + 1}{suffix}"), [number])
    done = longtake("join", *(f"{n}{suffix}" for n in (1, 2, 3)), "-o", f"take{suffix}")
    assert (done.code, done.out) == (0, ""), done.err
    assert f"take{suffix}: 3 segments, 65 frames, 2.71 s" in done.err
    np.testing.assert_array_equal(read_take(f"take{suffix}").frames, read_take(whole).frames)
    records = [lt.read_take_record(path) for path in (f"take{suffix}", whole)]
    assert records[0].segments == records[1].segments


def test_a_pipe_is_not_waited_for(longtake: Command) -> None:
    os.mkfifo("1.mp4")
    for command in (("join", "1.mp4", "-o", "take.mp4"), ("inspect", "1.mp4")):
        refused = longtake(*command)
        assert refused.code == 2
        assert "1.mp4: is a named pipe; only a regular file is read" in refused.err


def test_the_way_on_says_what_the_take_has(longtake: Command) -> None:
    footage(size=(0, 0)).write(Path("1.wav"), [0])
    sound = longtake("join", "1.wav", "-o", "take.wav")
    assert "--no-video" in sound.err
    assert "--no-audio" not in sound.err


def test_the_name_is_free_and_the_way_on_a_command(longtake: Command) -> None:
    film = footage()
    for name in ("1.mp4", "take.mp4"):
        film.write(Path(name), [0, 1])
    film.write(Path("2.mp4"), [2])
    done = longtake("join", "1.mp4", "2.mp4")
    assert done.code == 0, done.err
    way = shlex.split(done.err.partition("go on with: ")[2])
    assert way[:3] == ["longtake", "generate", "NEXT PROMPT"]
    assert way[-3:] == ["-o", "take-2.mp4", "--resume"]
    film.write(Path("3.mp4"), [3, 4])
    ended = longtake("join", "take-2.mp4", "3.mp4", "-o", "all.mp4")
    assert (ended.code, "go on with" in ended.err) == (0, False), ended.err
    assert lt.read_take_record("all.mp4").end_frame == film.num_frames


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_is_as_long_as_the_pictures(longtake: Command, suffix: str) -> None:
    film = footage(frames=(7, 6, 5))
    first, second = film.write(Path("1.mp4"), [0, 1]), film.write(Path("2.mkv"), [2])
    done = longtake("join", str(first), str(second), "-o", f"t{suffix}")
    assert done.code == 0, done.err
    assert f"t{suffix}: 18 frames, 0.75 s, without its sound" in done.err
    with Image.open(f"t{suffix}") as image:
        lasts = []
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            image.load()
            lasts.append(image.info["duration"])
            assert abs(np.asarray(image.convert("RGB"), float).mean() - (2 * number + 19.5)) < 3
    assert (len(lasts), sum(lasts)) == (18, 750)


def test_wav_is_the_sound_alone(longtake: Command) -> None:
    film = footage()
    film.write(Path("1.mkv"), [0, 1])
    film.write(Path("2.mkv"), [2, 3, 4])
    done = longtake("join", "1.mkv", "2.mkv", "-o", "t.wav")
    assert done.code == 0, done.err
    assert "s of sound" in done.err
    sound = read_take("t.wav").audio
    assert sound is not None
    np.testing.assert_array_equal(sound, film.sound)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("1.mkv", "3.mkv", "-o", "t.mkv"), r"3\.mkv: does not go on where 1\.mkv ends"),
        (("2.mkv", "1.mkv", "-o", "t.mkv"), r"1\.mkv: does not go on where 2\.mkv ends"),
        (("1.mkv", "1.mkv", "-o", "t.mkv"), r"1\.mkv: does not go on where 1\.mkv ends"),
        (("1.mkv", "mine.mp4", "-o", "t.mkv"), r"mine\.mp4: .*record of a take"),
        (("1.mkv", "none.mkv", "-o", "t.mkv"), r"none\.mkv: cannot be read: No such file"),
        (("1.mkv", "2.mkv", "-o", "t.avi"), r"t\.avi: unknown file type"),
        (("1.mkv", "2.mkv", "-o", "kept.mkv"), r"kept\.mkv: is there already; .*--overwrite"),
        (("1.mkv", "2.mkv", "-o", "1.mkv", "--overwrite"), r"-o names 1\.mkv, a part"),
        (("1.mkv", "2.mkv", "-o", "busy.mkv"), r"busy\.mkv\.state\.json: is the state of a take"),
        ((), "Missing argument 'PART...'"),
    ],
)
def test_wrong_parts_are_refused_before_anything_is_written(
    longtake: Command, arguments: tuple[str, ...], problem: str
) -> None:
    film = footage(frames=(5, 4, 3))
    for number in range(3):
        film.write(Path(f"{number + 1}.mkv"), [number])
    Path("mine.mp4").write_bytes(b"\0\0\0\x08ftyp")
    Path("kept.mkv").write_bytes(b"mine")
    Path("busy.mkv.state.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    refused = longtake("join", *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert re.search(problem, refused.err), refused.err
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before
