"""A listing without the parser prints what the one with it prints."""

from __future__ import annotations

import sys

import pytest

from longtake.cli import group, main
from longtake.cli.plain import is_plain
from tests.sdk.cli.cli_support import Command

PLAIN = [[name, *json] for name in ("families", "presets", "plugins") for json in ([], ["--json"])]


@pytest.mark.parametrize("argv", PLAIN, ids=" ".join)
def test_the_parser_makes_no_difference(
    longtake: Command, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    assert is_plain(argv)
    plain = longtake(*argv)
    assert group.run(argv) == plain.code == 0
    parsed = capsys.readouterr()
    assert (plain.out, plain.err) == (parsed.out, parsed.err)
    assert plain.out


@pytest.mark.parametrize(
    "argv",
    ["", "families --help", "-v families", "presets fog", "--json", "doctor", "plugins --jso"],
)
def test_anything_else_is_parsed(argv: str) -> None:
    assert not is_plain(argv.split())


def test_one_of_several_processes_lists(longtake: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert longtake("plugins").out == ""


def test_an_error_is_one_line_there_too(longtake: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = longtake("families")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: RANK")
    assert done.err.count("\n") == 1


def test_the_processes_own_arguments_are_plain_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["longtake", "plugins", "--json"])
    assert main() == 0
    assert '"longtake"' in capsys.readouterr().out
