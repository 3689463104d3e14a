"""``longtake again``: the same frames from what the file says, or why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.media.reader import read_take
from longtake.takes.notes import read_take_record
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.commands.test_generate import assert_same_take
from tests.sdk.takes.footage import footage

COMMAND = ("generate", "dawn", "dusk", "-o", "t.mkv", "--num-frames", "6", "--height", "16")


def refusal(longtake: Command, *arguments: str) -> str:
    done = longtake("again", *arguments)
    assert done.code != 0
    assert not Path("t-again.mkv").exists()
    return done.err


@pytest.mark.parametrize("seed", [(), ("--seed", "7")])
def test_the_frames_and_the_sound_are_the_same(longtake: Command, seed: tuple[str, ...]) -> None:
    assert longtake(*COMMAND, *seed).code == 0
    done = longtake("again", "t.mkv")
    assert done.code == 0, done.err
    assert_same_take(read_take("t.mkv"), read_take("t-again.mkv"))
    assert read_take_record("t-again.mkv").asked == read_take_record("t.mkv").asked or not seed
    assert longtake("again", "t-again.mkv", "-o", "third.mkv").code == 0
    assert_same_take(read_take("t.mkv"), read_take("third.mkv"))


def test_another_seed_is_another_take(longtake: Command) -> None:
    """So that the test above can fail."""
    longtake(*COMMAND, "--seed", "7")
    longtake(*COMMAND[:-6], "-o", "u.mkv", *COMMAND[-4:], "--seed", "8")
    with pytest.raises(AssertionError):
        assert_same_take(read_take("t.mkv"), read_take("u.mkv"))


def test_the_file_says_what_it_was_asked_for_with(longtake: Command) -> None:
    longtake(*COMMAND, "--negative-prompt", "fog")
    document: dict[str, Any] = json.loads(longtake("inspect", "t.mkv", "--json").out)
    asked = document["asked"]
    assert asked["request"]["prompt"] == "dawn"
    assert asked["request"]["negative_prompt"] == "fog"
    assert asked["request"]["sampling"]["num_frames"] == 6
    told = longtake("inspect", "t.mkv").out
    assert "height 16, num_frames 6, negative_prompt fog" in told
    assert "longtake again t.mkv" in told


def test_a_take_of_a_checkpoint(longtake: Command, model: str) -> None:
    longtake(*COMMAND, "--model", model)
    done = longtake("again", "t.mkv", "--model", model)
    assert done.code == 0, done.err
    assert_same_take(read_take("t.mkv"), read_take("t-again.mkv"))


def test_a_model_of_other_weights_is_refused(longtake: Command) -> None:
    longtake(*COMMAND, "--seed", "7")
    record = read_take_record("t.mkv")
    film = footage()
    told: dict[str, Any] = {
        "family": "fog",
        "preset": record.preset,
        "asked": record.asked,
        "seed": 7,
    }
    with lt.TakeWriter("u.mkv", model="sha256:other", **told) as writer:
        writer.append(film.results[0])
    done = longtake("again", "u.mkv", "-o", "v.mkv")
    assert done.code != 0
    assert "--allow-other-model" in done.err
    assert not Path("v.mkv").exists()
    assert longtake("again", "u.mkv", "-o", "v.mkv", "--allow-other-model").code == 0


def test_a_take_that_goes_on_from_a_state(longtake: Command) -> None:
    longtake("generate", "dawn", "-o", "a.mkv", "--save-state", "s.json")
    longtake("generate", "dusk", "-o", "t.mkv", "--state", "s.json")
    assert "goes on from a state" in refusal(longtake, "t.mkv")


def test_a_file_that_two_commands_made(longtake: Command) -> None:
    longtake("generate", "dawn", "-o", "t.mkv", "--save-state", "s.json")
    more = ("--state", "s.json", "--save-state", "s.json", "--resume", "--negative-prompt", "fog")
    assert longtake("generate", "dusk", "-o", "t.mkv", *more).code == 0
    assert "not all of it was asked for alike" in refusal(longtake, "t.mkv")


def test_what_is_no_take(longtake: Command) -> None:
    Path("t.mkv").write_bytes(b"")
    assert "t.mkv" in refusal(longtake, "t.mkv")
