"""``longtake inspect``: what is in the file of a take."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.sdk.cli.cli_support import Command
from tests.sdk.takes.footage import footage

COMMAND = ("generate", "dawn", "dusk", "--save-state", "s.json", "-o", "t.mkv")


def rows(out: str) -> dict[str, str]:
    """What is told, by its label."""
    lines = out.splitlines()
    width = min(len(line) - len(line[line.index("  ") :].lstrip()) for line in lines)
    return {line[:width].strip(): line[width:].strip() for line in lines}


def test_people_see_what_made_it_and_what_it_holds(longtake: Command) -> None:
    longtake(*COMMAND, "--seed", "7")
    told = rows(longtake("inspect", "t.mkv").out)
    assert told["title"] == "dawn"
    assert told["holds"] == "segments 1 to 2 of the take: from its beginning, not finished"
    assert told["family"] == "fog"
    assert told["seed"] == "7"
    assert told["segment 1"] == "from 0.00 s: dawn (seed 7)"
    assert ": dusk (seed " in told["segment 2"]
    assert "48x32 (width x height)" in told["pictures"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_way_on_is_a_command_that_works(longtake: Command, suffix: str) -> None:
    longtake(*COMMAND[:-1], f"t{suffix}")
    way = rows(longtake("inspect", f"t{suffix}").out)["next"]
    program, *arguments = shlex.split(way.replace("STATE.json", "s.json"))
    assert program == "longtake"
    done = longtake(*arguments)
    assert done.code == 0, done.err
    told = rows(longtake("inspect", f"t{suffix}").out)
    assert told["holds"].startswith("segments 1 to 3 of the take")
    assert told["segment 3"].split(": ")[1].startswith("NEXT PROMPT")


def test_programs_get_the_record(longtake: Command) -> None:
    longtake(*COMMAND)
    shown = longtake("inspect", "t.mkv", "--json")
    document = json.loads(shown.out)
    assert (document["title"], document["family"], document["ended"]) == ("dawn", "fog", False)
    assert document["planned"] == ["dawn", "dusk"]
    assert [each["prompt"] for each in document["segments"]] == ["dawn", "dusk"]
    first, second = document["segments"]
    assert second["first_frame"] == first["first_frame"] + first["frames"]
    assert second["state"].startswith("sha256:")


def test_a_part_says_which_it_is(longtake: Command) -> None:
    footage().write(Path("2.mp4"), [1, 2])
    assert rows(longtake("inspect", "2.mp4").out)["holds"] == (
        "segments 2 to 3 of the take: a part, not finished"
    )
    footage().write(Path("3.mp4"), [3, 4])
    told = rows(longtake("inspect", "3.mp4").out)
    assert told["holds"] == "segment 4 of the take: a part, to its end"
    assert told["next"] == "nothing: the take is finished"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_frames_at_the_seams_are_written_once(longtake: Command, suffix: str) -> None:
    film = footage(frames=(24, 16, 25))
    film.write(Path(f"t{suffix}"), [1, 2])
    assert longtake("inspect", f"t{suffix}", "--frames", "seams").code == 0
    names = sorted(path.name for path in Path("seams").iterdir())
    numbers = (24, 39, 40, 64)
    assert names == ["contact-sheet.png", *(f"frame-{n:06d}.png" for n in numbers)]
    for number in numbers:
        with Image.open(f"seams/frame-{number:06d}.png") as picture:
            mean = np.asarray(picture, float).mean()
        assert abs(mean - (2 * number % 200 + 19.5)) < 1.5
    refused = longtake("inspect", f"t{suffix}", "--frames", "seams")
    assert (refused.code, refused.out) == (2, "")
    assert "is already there" in refused.err


def test_sound_alone_has_a_sheet_and_no_frames(longtake: Command) -> None:
    footage(size=(0, 0)).write(Path("t.wav"))
    assert longtake("inspect", "t.wav", "--frames", "look").code == 0
    assert [path.name for path in Path("look").iterdir()] == ["contact-sheet.png"]
    refused = longtake("inspect", "t.wav", "--thumbnail", "t.png")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "has no pictures" in refused.err


def test_a_thumbnail_is_the_first_frame_small(longtake: Command) -> None:
    footage(frames=(3, 2), size=(600, 900)).write(Path("t.mkv"))
    assert longtake("inspect", "t.mkv", "--thumbnail", "t.png").code == 0
    with Image.open("t.png") as picture:
        assert picture.size == (512, 341)
        assert abs(np.asarray(picture, float).mean() - 19.5) < 1
    refused = longtake("inspect", "t.mkv", "--thumbnail", "t.png")
    assert (refused.code, refused.out) == (2, "")
    assert "t.png: is already there" in refused.err


@pytest.mark.parametrize(
    ("name", "data", "arguments", "problem"),
    [
        ("notes.txt", b"buy milk", (), "is neither a state, which is JSON, nor the file of a take"),
        ("song.mp3", b"ID3\x04", (), "is neither a state, which is JSON, nor the file of a take"),
        ("empty.json", b"", (), "is neither a state, which is JSON, nor the file of a take"),
        ("film.mp4", b"\0\0\0\x08ftyp", (), "film.mp4: has no record of a take"),
        ("film.mkv", b"nothing", (), "film.mkv: is no Matroska file"),
        ("t.mp4", None, (), "t.mp4: cannot be read: No such file"),
        ("s.json", None, (), "s.json: cannot be read: No such file"),
        ("s.json", b"{}", ("--thumbnail", "t.png"), "--thumbnail is for the file of a take"),
        ("t.mp4", b"", ("--blobs", "memory:"), "--blobs is for a state"),
    ],
)
def test_what_is_neither_is_told_in_words(
    longtake: Command, name: str, data: bytes | None, arguments: tuple[str, ...], problem: str
) -> None:
    if data is not None:
        Path(name).write_bytes(data)
    refused = longtake("inspect", name, *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert problem in refused.err


def test_a_thumbnail_is_refused_before_anything_is_written(longtake: Command) -> None:
    footage(frames=(3, 2)).write(Path("t.mkv"))
    refused = longtake("inspect", "t.mkv", "--thumbnail", "t.jpg", "--frames", "look")
    assert (refused.code, refused.out) == (2, "")
    assert "let the name end in .png" in refused.err
    assert not Path("look").exists()
