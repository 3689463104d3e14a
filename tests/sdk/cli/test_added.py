"""Commands that plugins add."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longtake.testing import FakeDistributions
from tests.sdk.cli.command_plugins import add, longtake


@pytest.fixture
def installed(tmp_path: Path) -> FakeDistributions:
    found = FakeDistributions(tmp_path / "installed")
    found.folder.mkdir()
    return found


def test_a_command_runs_with_its_arguments_and_help(installed: FakeDistributions) -> None:
    add(installed, "greet", distribution="longtake-greet")
    assert longtake(installed, "greet", "you", "all").out == "greet you all\n"
    assert "Say greet and the WORDS." in longtake(installed, "greet", "--help").out
    assert not installed.was_imported("nothing")


def test_a_misspelt_command_is_suggested(installed: FakeDistributions) -> None:
    add(installed, "greet", distribution="longtake-greet")
    done = longtake(installed, "gret")
    assert done.code == 2
    assert "greet" in done.err


def test_a_command_of_two_plugins_is_refused_until_one_is_blocked(
    installed: FakeDistributions,
) -> None:
    add(installed, "greet", distribution="longtake-one")
    add(installed, "greet", distribution="longtake-two")
    done = longtake(installed, "greet")
    assert done.code != 0
    assert "longtake-one" in done.err
    assert "longtake-two" in done.err
    assert "greet" not in longtake(installed, "--help").out
    free = installed.python("-m", "longtake", "greet", LONGTAKE_BLOCK="longtake-two")
    assert free.out == "greet\n"


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("longtake_nowhere:command", "No module named 'longtake_nowhere'"),
        ("json:loads", "is a function, not a click command"),
    ],
)
def test_a_broken_command_costs_only_itself(
    installed: FakeDistributions, target: str, problem: str
) -> None:
    add(installed, "broken", distribution="longtake-broken", target=target)
    add(installed, "greet", distribution="longtake-greet")
    done = longtake(installed, "broken")
    assert done.code != 0
    assert "longtake-broken" in done.err
    assert problem in done.err
    assert longtake(installed, "greet").out == "greet\n"


def test_plugins_say_which_commands_they_add(installed: FakeDistributions) -> None:
    add(installed, "greet", distribution="longtake-greet")
    [record] = [
        each
        for each in json.loads(longtake(installed, "plugins", "--json").out)
        if each["distribution"] == "longtake-greet"
    ]
    assert record["provides"] == ["command:greet"]
