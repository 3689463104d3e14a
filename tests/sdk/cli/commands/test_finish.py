"""``longtake finish``: the missing end of a take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from longtake.media.reader import read_take
from tests.sdk.cli.cli_support import Command
from tests.sdk.cli.toy_family import HELD_BACK


@pytest.fixture
def state(longtake: Command, model: str) -> str:
    longtake("generate", "one", "--model", model, "--save-state", "s.json", "-o", "one.mkv")
    return "s.json"


def test_the_tail_is_what_the_finished_take_has_more(
    longtake: Command, model: str, state: str
) -> None:
    done = longtake("finish", "--state", state, "--model", model, "-o", "tail.mkv")
    assert (done.code, done.out) == (0, "")
    longtake("generate", "one", "--model", model, "-o", "all.mkv")
    tail, whole, held = (read_take(f"{name}.mkv") for name in ("tail", "all", "one"))
    assert tail.audio is not None
    assert whole.audio is not None
    assert held.audio is not None
    assert len(tail.frames) == 0
    assert tail.audio.shape == (1, HELD_BACK)
    np.testing.assert_array_equal(np.concatenate([held.audio, tail.audio], 1), whole.audio)


def test_the_tail_can_be_an_mp4_of_sound_alone(longtake: Command, state: str) -> None:
    assert longtake("finish", "--state", state).code == 0
    tail = read_take("tail.mp4")
    assert tail.fps is None
    assert tail.audio is not None
    assert tail.audio.shape == (1, HELD_BACK)


def test_the_tail_never_replaces_the_film_of_a_take_that_goes_on(
    longtake: Command, model: str
) -> None:
    failing = ("--set", "draw.fail_in_segment=1")
    assert longtake("generate", "one", "two", "--model", model, "-o", "a.mkv", *failing).code == 1
    before = {path: path.read_bytes() for path in Path().iterdir()}
    finish = ("finish", "--state", "a.mkv.state.json", "--model", model, "-o", "a.mkv")
    refused = longtake(*finish, "--overwrite")
    assert refused.code == 2
    assert "a.mkv.state.json: is the state of a take that is not finished" in refused.err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before
    assert longtake(*finish, "--resume").code == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--state", "nowhere.json"), "nowhere.json: cannot be read"),
        ((), "Missing option '--state'"),
        (("--state", "s.json", "-o", "nowhere/t.mp4"), "there is no folder"),
        (("--state", "s.json", "--family", "dust"), "hold nothing back"),
    ],
)
@pytest.mark.usefixtures("state")
def test_wrong_use_is_refused(longtake: Command, arguments: tuple[str, ...], reason: str) -> None:
    refused = longtake("finish", *arguments)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert reason in refused.err
    assert not Path("tail.mp4").exists()
