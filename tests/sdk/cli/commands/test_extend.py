"""``longtake extend``: a clip is the beginning of a take, or the end of a segment."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import longtake as lt
from longtake.media.reader import read_take
from tests.sdk.cli.cli_support import Command

FPS = Fraction(25)


@pytest.fixture
def clip(longtake: Command) -> str:
    """Seven pictures of 33 x 48 pixels, each of one grey; in the folder of the command."""
    pixels = np.broadcast_to(np.arange(7, dtype=np.uint8)[:, None, None, None] * 30, (7, 33, 48, 3))
    Path("clip.mkv").write_bytes(lt.SourceInput.from_frames(pixels.copy(), FPS).data)
    return "clip.mkv"


def greys(name: str) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in read_take(name).frames]


def test_a_clip_goes_on_and_the_take_too(longtake: Command, model: str, clip: str) -> None:
    done = longtake(
        *("extend", clip, "one", "two", "--model", model, "--by", "0.2", "-o", "take.mkv"),
        *("--save-state", "take.json"),
    )
    assert done.code == 0, done.err
    lines = done.err.splitlines()
    assert lines[0] == "clip.mkv: of its 7 frames the last 6 are in the take"
    assert lines[1].startswith("clip.mkv: is 33x48; the take is 32x48")
    take = read_take("take.mkv")
    assert (take.frames.shape, take.fps) == ((10 + 4, 32, 48, 3), FPS)  # the second as usual
    assert greys("take.mkv")[:6] == [30, 60, 90, 120, 150, 180]
    further = lines[-1].removeprefix("go on with: longtake ")
    assert further.startswith("generate 'NEXT PROMPT' --model ")
    assert "--by" not in further
    again = longtake(
        *("generate", "three", "--model", model, "--state", "take.json", "-o", "take.mkv"),
        *("--resume", "--fps", "25"),  # which this family's states do not carry
    )
    assert again.code == 0, again.err
    assert len(read_take("take.mkv").frames) == 18


def test_a_clip_begins_earlier(longtake: Command, model: str, clip: str) -> None:
    command = ("extend", clip, "one", "--backward", "--keep", "0.16", "--model", model)
    assert longtake(*command, "-o", "take.mkv").code == 0
    assert greys("take.mkv")[-4:] == [0, 30, 60, 90]
    assert len(greys("take.mkv")) == 4 + 4


def test_an_interrupted_take_does_not_begin_with_the_clip_again(
    longtake: Command, model: str, clip: str
) -> None:
    command = ("extend", clip, "one", "two", "--model", model, "-o", "take.mkv")
    assert longtake(*command, "--set", "draw.fail_in_segment=1").code != 0
    done = longtake(*command, "--resume")
    assert done.code == 0, done.err
    assert len(greys("take.mkv")) == 10 + 4
    assert greys("take.mkv")[:6] == [30, 60, 90, 120, 150, 180]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("gone.mkv", "one"), "gone.mkv: cannot be read"),
        (("clip.mkv",), "Missing argument 'PROMPT...'"),
        (("clip.mkv", "one", "--by", "0.01"), "--by: is 0.01"),
        (("clip.mkv", "one", "--by", "0"), "--by"),
        (("clip.mkv", "one", "two", "--backward"), "give one prompt"),
        (("clip.mkv", "one", "--segments", "2", "--backward"), "give one prompt"),
        (("clip.mkv", "one", "--family", "dust"), "clip.mkv: family 'dust' makes nothing"),
        (("clip.mkv", "one", "--set", "inputs.source.frame=1"), "use retake or extend"),
    ],
)
def test_what_cannot_be_extended_is_refused(
    longtake: Command, clip: str, arguments: tuple[str, ...], problem: str
) -> None:
    done = longtake("extend", *arguments)
    assert done.code != 0
    assert problem in done.err
    assert not Path("take.mp4").exists()
