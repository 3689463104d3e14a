"""``longtake generate`` with input files, and with half of the output."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import longtake as lt
from longtake.cli.options.inputs import InputChoice, read_inputs
from longtake.media.reader import DecodedTake, read_take
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.toy_family import HELD_BACK, RATE

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def red(longtake: Command) -> Path:
    """A picture in the folder where commands run."""
    return still("red.png", RED)


def still(name: str, colour: tuple[int, int, int]) -> Path:
    pixels = np.full((16, 16, 3), colour, np.uint8)
    path = Path(name)
    path.write_bytes(lt.ImageInput.from_pixels(pixels).data)
    return path


def frames_of(take: DecodedTake, colour: tuple[int, int, int]) -> list[int]:
    """The frames of a take that are all of this colour."""
    return [n for n, frame in enumerate(take.frames) if (frame == colour).all()]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--image", "red.png"), [0]),
        (("--image", "red.png@2"), [2]),
        (("--image", "red.png@-1"), [3]),
        (("--image", "red.png@1:0.5", "--image", "red.png@-2:0"), [1, 2]),
        (("--first-frame", "red.png", "--last-frame", "red.png"), [0, 3]),
    ],
)
def test_a_picture_is_at_its_frame_of_the_first_segment(
    longtake: Command, model: str, red: Path, arguments: tuple[str, ...], expected: list[int]
) -> None:
    done = longtake("generate", "one", "two", "--model", model, *arguments, "-o", "a.mkv")
    assert done.code == 0, done.err
    assert frames_of(read_take("a.mkv"), RED) == expected


def test_the_first_segment_is_that_of_the_command(longtake: Command, model: str, red: Path) -> None:
    longtake("generate", "one", "--model", model, "--save-state", "s.json", "-o", "a.mkv")
    common = ("generate", "two", "three", "--model", model, "--state", "s.json")
    assert longtake(*common, "--image", "red.png@1", "-o", "b.mkv").code == 0
    assert frames_of(read_take("b.mkv"), RED) == [1]


def test_a_clip_begins_at_its_frame(longtake: Command, model: str) -> None:
    frames = np.array([RED, BLUE], np.uint8)[:, None, None].repeat(16, 1).repeat(16, 2)
    Path("clip.mkv").write_bytes(lt.ClipInput.from_frames(frames).data)
    assert longtake("generate", "one", "--model", model, "--clip", "clip.mkv@1").code == 0
    longtake("generate", "one", "--model", model, "--clip", "clip.mkv@1:0.5", "-o", "a.mkv")
    take = read_take("a.mkv")
    assert (frames_of(take, RED), frames_of(take, BLUE)) == ([1], [2])


def test_a_sound_begins_at_its_time(longtake: Command, model: str) -> None:
    heard = np.linspace(-0.9, 0.9, 240, dtype=np.float32)[None]
    Path("song.wav").write_bytes(lt.AudioInput.from_samples(heard, RATE).data)
    done = longtake("generate", "one", "--model", model, "--audio", "song.wav@0.05", "-o", "a.mkv")
    assert done.code == 0, done.err
    audio = read_take("a.mkv").audio
    assert audio is not None
    np.testing.assert_array_equal(audio[:, 1200:1440], heard)


@pytest.mark.parametrize("name", ["red@2", "red@2:0.5.png", "@", "a@b@1"])
def test_an_odd_file_name_is_meant_as_a_whole(longtake: Command, model: str, name: str) -> None:
    still(name, RED)
    longtake("generate", "one", "--model", model, "--image", name, "-o", "a.mkv")
    assert frames_of(read_take("a.mkv"), RED) == [0]
    longtake("generate", "one", "--model", model, "--image", f"{name}@1", "-o", "b.mkv")
    assert frames_of(read_take("b.mkv"), RED) == [1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--image", "nowhere.png"), "--image nowhere.png: cannot be read"),
        (("--image", "nowhere.png@3"), "--image nowhere.png@3: nowhere.png: cannot be read"),
        (("--image", "red.png@x"), "--image red.png@x: '@x' is no place in time; write FILE@FRAME"),
        (("--image", "red.png@0:2"), "--image red.png@0:2: strength: is 2.0"),
        (("--image", "red.png@4"), "inputs.images[0].frame: is 4"),
        (("--image", "."), "--image .: cannot be read"),
        (("--image", "song.wav"), "--image song.wav: is no PNG, JPEG or WebP file"),
        (("--last-frame", "song.wav"), "--last-frame song.wav: is no PNG"),
        (("--clip", "song.wav"), "--clip song.wav: is damaged, or has no video"),
        (("--audio", "red.png"), "--audio red.png: is damaged"),
        (("--audio", "song.wav@-1"), "'@-1' is no place in time; write FILE@SECONDS"),
        (("--audio", "song.wav@9"), "inputs.audio.start: is 9"),
        (("--set", "inputs.images=[]"), "--set inputs.images: inputs are files"),
        (("--no-video", "--no-audio"), "output: video and audio are both false"),
        (("-o", "take.m4a"), "holds sound alone"),
    ],
)
def test_a_wrong_input_is_refused_in_one_line(
    longtake: Command, model: str, red: Path, arguments: tuple[str, ...], reason: str
) -> None:
    data = lt.AudioInput.from_samples(np.zeros((1, 100), np.float32), RATE).data
    Path("song.wav").write_bytes(data)
    before = sorted(Path().iterdir())
    refused = longtake("generate", "one", "--model", model, *arguments)
    assert refused.code == 2
    [line] = refused.err.splitlines()
    assert line.startswith("error: ")
    assert reason in line
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("name", ["take.mp4", "take.mkv", "take.m4a"])
def test_sound_alone_is_rolled_and_ended(longtake: Command, model: str, name: str) -> None:
    common = ("generate", "one", "two", "--model", model, "--no-video", "-o", name)
    done = longtake(*common)
    assert done.code == 0, done.err
    assert done.err.splitlines()[2].startswith("segment 1/2: 0.15 s, draw 0.")
    assert done.err.splitlines()[-1] == f"{name}: 0.33 s of sound"
    take = read_take(name)
    assert take.fps is None
    assert take.audio is not None
    assert take.audio.shape == (1, 8 * RATE // 24)


def test_sound_alone_is_continued_and_finished_later(longtake: Command, model: str) -> None:
    common = ("--model", model, "--no-video")
    longtake("generate", "one", "two", *common, "-o", "all.mkv")
    longtake("generate", "one", *common, "--save-state", "1.json", "-o", "1.mkv")
    longtake(
        *("generate", "two", *common, "--state", "1.json"),
        *("--save-state", "2.json", "-o", "2.mkv"),
    )
    assert json.loads(Path("2.json").read_text())["payload"]["index"] == 1
    ended = longtake("finish", "--state", "2.json", "--model", model, "-o", "3.m4a")
    assert ended.code == 0, ended.err
    parts = [read_take(name).audio for name in ("1.mkv", "2.mkv", "all.mkv", "3.m4a")]
    first, second, whole, end = (part for part in parts if part is not None)
    joined = np.concatenate([first, second], axis=1)
    np.testing.assert_array_equal(joined, whole[:, : joined.shape[1]])
    assert whole.shape[1] - joined.shape[1] == HELD_BACK == end.shape[1]


def test_a_silent_picture_is_rolled_and_continued(longtake: Command, model: str) -> None:
    common = ("--model", model, "--no-audio")
    longtake("generate", "one", "two", *common, "-o", "all.mkv")
    longtake("generate", "one", *common, "--save-state", "1.json", "-o", "1.mkv")
    longtake("generate", "two", *common, "--state", "1.json", "-o", "2.mkv")
    whole, first, second = (read_take(name) for name in ("all.mkv", "1.mkv", "2.mkv"))
    assert (whole.audio, first.audio, second.audio) == (None, None, None)
    np.testing.assert_array_equal(whole.frames, np.concatenate([first.frames, second.frames]))


@pytest.mark.parametrize(
    ("said", "strength", "attention"), [("", 1.0, 1.0), ("@0.5", 0.5, 1.0), ("@1:.25", 1.0, 0.25)]
)
def test_a_reference_says_its_strength_and_attention(
    tmp_path: Path, said: str, strength: float, attention: float
) -> None:
    film = tmp_path / "depth.mkv"
    film.write_bytes(lt.ClipInput.from_frames(np.zeros((1, 16, 16, 3), np.uint8)).data)
    named = read_inputs(InputChoice(references=(f"{film}{said}",)))
    (reference,) = named.inputs.references
    assert (reference.strength, reference.attention) == (strength, attention)
    assert named.options["inputs.references[0]"] == f"--reference {film}{said}"


@pytest.mark.parametrize("said", ["@much", "@2", "@1:7", ""])
def test_a_reference_that_makes_no_sense_is_refused_with_its_option(
    tmp_path: Path, said: str
) -> None:
    film = tmp_path / "depth.mkv"
    if said:
        film.write_bytes(b"film")
    with pytest.raises(lt.ValidationError, match="--reference"):
        read_inputs(InputChoice(references=(f"{film}{said}",)))


@pytest.mark.parametrize(
    ("said", "place"), [("", "before"), ("@before", "before"), ("@alongside", "alongside")]
)
def test_a_voice_says_where_it_lies(tmp_path: Path, said: str, place: str) -> None:
    sound = tmp_path / "voice.wav"
    sound.write_bytes(lt.AudioInput.from_samples(np.zeros((1, 99), np.float32), 48_000).data)
    named = read_inputs(InputChoice(voice=f"{sound}{said}"))
    assert named.inputs.voice is not None
    assert named.inputs.voice.place == place
    assert named.options["inputs.voice"] == f"--voice {sound}{said}"
    with pytest.raises(lt.ValidationError, match="--voice"):
        read_inputs(InputChoice(voice=f"{sound}@behind"))
