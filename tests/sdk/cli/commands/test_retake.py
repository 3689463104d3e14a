"""``longtake retake``: what of a clip is remade is said by options, the rest is the clip's."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import longtake as lt
from longtake.media.reader import read_take
from tests.sdk.cli.cli_support import Command


@pytest.fixture(autouse=True)
def clip(longtake: Command) -> None:
    """Four pictures, in the folder of the command."""
    pixels = np.zeros((4, 32, 64, 3), np.uint8)
    Path("clip.mkv").write_bytes(lt.SourceInput.from_frames(pixels, Fraction(25)).data)
    Path("small.png").write_bytes(lt.MaskInput.from_places(np.ones((16, 64), np.bool_)).data)
    Path("clip.txt").write_text("a poem")


def test_a_take_is_as_large_and_long_and_fast_as_the_clip(longtake: Command, model: str) -> None:
    done = longtake("retake", "clip.mkv", "red", "--to", "0.2", "--model", model, "-o", "new.mkv")
    assert done.code == 0, done.err
    take = read_take("new.mkv")
    assert (take.frames.shape, take.fps) == ((4, 32, 64, 3), Fraction(25))
    assert "clip.mkv" not in done.err  # nothing is other than the clip has it


def test_the_size_may_be_another(longtake: Command, model: str) -> None:
    sizes = ("--height", "48", "--fps", "24")
    command = ("retake", "clip.mkv", "red", "--from", "0.2", "--only", "audio", "--model", model)
    done = longtake(*command, *sizes)
    assert done.code == 0, done.err
    take = read_take("take.mp4")
    assert (take.frames.shape, take.fps) == ((4, 48, 64, 3), Fraction(24))
    assert "clip.mkv: is 32x64; the take is 48x64" in done.err


def test_a_mask_and_a_margin_say_where_it_is_remade(longtake: Command, model: str) -> None:
    remade = np.zeros((32, 64), np.bool_)
    remade[:8] = True
    Path("mask.png").write_bytes(lt.MaskInput.from_places(remade).data)
    command = ("retake", "clip.mkv", "red", "--model", model, "--mask", "mask.png")
    done = longtake(*command, "--pad", "0", "32", "16", "0", "--strength", "0.9", "-o", "new.mkv")
    assert done.code == 0, done.err
    assert read_take("new.mkv").frames.shape == (4, 48, 96, 3)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("red",), "--from, --to, or both"),
        (("red", "--from", "2", "--to", "1"), "--to: is 1; must be later than where it begins, 2"),
        (("red", "--from", "-1"), "--from"),
        (("red", "--from", "2"), "--from: is too late"),
        (("--from", "0.1"), "Missing argument"),
        (("red", "--mask", "mask.png"), "--mask mask.png: cannot be read"),
        (("red", "--mask", "clip.txt"), "--mask clip.txt: is no"),
        (("red", "--mask", "small.png"), "--mask small.png: is 16x64 pixels"),
        (("red", "--mask", "small.png", "--to", "1", "--only", "audio"), "--mask: has no effect"),
        (("red", "--mask-white", "kept", "--to", "1"), "--mask-white has no effect"),
        (("red", "--pad", "0", "9000", "0", "0"), "--pad: is 9000"),
        (("red", "--pad", "0", "0", "0"), "--pad"),
        (("red", "--to", "1", "--strength", "2"), "--strength"),
        (("red", "--from", "0.1", "--only", "both"), "--only"),
        (("red", "--from", "0.1", "--family", "dust"), "clip.mkv: family 'dust' makes nothing"),
    ],
)
def test_nonsense_is_refused(
    longtake: Command, model: str, arguments: tuple[str, ...], problem: str
) -> None:
    family = () if "--family" in arguments else ("--model", model)
    done = longtake("retake", "clip.mkv", *arguments, *family)
    assert done.code != 0
    assert problem in done.err
    assert not Path("take.mp4").exists()
