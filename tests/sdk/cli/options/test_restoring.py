"""On the command line a take goes on only with the model that it was made with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import longtake as lt
from longtake.plugins.loading import Plugin
from tests.sdk.cli.cli_support import Command
from tests.sdk.marked_family import MARKED, write_checkpoint

ROLL = ("generate", "fog", "--set", "output.overlap_frames=1")


@pytest.fixture(autouse=True)
def marked(longtake: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The family whose models are told apart is all that is installed."""
    registry = lt.Registry([Plugin("marked", "longtake-marked", "1", "loaded", families=(MARKED,))])
    monkeypatch.setattr(lt.Registry, "default", lambda: registry)


@pytest.fixture
def red() -> str:
    return str(write_checkpoint(Path("red"), "red-1"))


@pytest.fixture
def blue() -> str:
    return str(write_checkpoint(Path("blue"), "blue-2"))


@pytest.fixture
def state(longtake: Command, red: str) -> str:
    done = longtake(*ROLL, "--model", red, "--save-state", "red.json", "-o", "1.mp4")
    assert done.code == 0, done.err
    return "red.json"


GOING_ON = [
    (*ROLL, "--save-state", "next.json", "-o", "2.mp4"),
    ("finish", "-o", "2.m4a"),
]


@pytest.mark.parametrize("command", GOING_ON)
def test_another_checkpoint_is_refused_unless_it_is_allowed(
    longtake: Command, state: str, red: str, blue: str, command: tuple[str, ...]
) -> None:
    refused = longtake(*command, "--state", state, "--model", blue)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    for part in ("red-1", "blue-2", "--allow-other-model"):
        assert part in refused.err
    assert not list(Path().glob("2.*"))
    taken = longtake(*command, "--state", state, "--model", blue, "--allow-other-model")
    assert taken.code == 0, taken.err
    Path(command[-1]).unlink()
    Path("next.json").unlink(missing_ok=True)
    assert longtake(*command, "--state", state, "--model", red).code == 0


@pytest.mark.parametrize("command", GOING_ON)
def test_without_a_model_the_example_is_not_taken_for_the_takes_own(
    longtake: Command, state: str, command: tuple[str, ...]
) -> None:
    refused = longtake(*command, "--state", state)
    assert refused.code == 2
    for part in ("red-1", "example", "--model DIR", "--allow-other-model"):
        assert part in refused.err
    assert not list(Path().glob("2.*"))
    assert longtake(*command, "--state", state, "--allow-other-model").code == 0


@pytest.mark.parametrize("command", GOING_ON)
def test_a_state_that_names_no_model_needs_one_named(
    longtake: Command, state: str, red: str, command: tuple[str, ...]
) -> None:
    document = json.loads(Path(state).read_text())
    del document["payload"]["state"]["model_fingerprint"]
    Path(state).write_text(json.dumps(document))
    refused = longtake(*command, "--state", state)
    assert refused.code == 2
    assert "does not say which model" in refused.err
    assert longtake(*command, "--state", state, "--model", red).code == 0


@pytest.mark.parametrize("command", GOING_ON)
def test_a_take_of_the_example_goes_on_without_a_model(
    longtake: Command, command: tuple[str, ...]
) -> None:
    assert longtake(*ROLL, "--save-state", "own.json", "-o", "1.mp4").code == 0
    done = longtake(*command, "--state", "own.json")
    assert done.code == 0, done.err
