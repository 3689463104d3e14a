"""A prompt stands for the command that generates it; nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.cli.implied import is_prompt, with_command
from tests.sdk.cli.cli_support import Command

COMMANDS = ("generate", "plan")


@pytest.mark.parametrize(
    "given",
    [
        ("a tram turns",),
        ("a tram turns", "rain"),
        ("黄昏",),
        ("--seed", "3", "a tram turns"),
        ("--", "a tram turns"),
        ("a tram\nturns",),
    ],
)
def test_a_prompt_is_generated(given: tuple[str, ...]) -> None:
    assert with_command(given, COMMANDS) == ["generate", *given]


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("plan",),
        ("plan", "a tram turns"),
        ("generte", "a tram turns"),
        ("dusk",),
        ("--seed", "3", "generate", "a tram turns"),
        ("--unheard-of", "dusk"),
        ("--version",),
    ],
)
def test_anything_else_stays_as_it_is(given: tuple[str, ...]) -> None:
    assert with_command(given, COMMANDS) == list(given)


def test_a_file_that_is_there_is_no_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_prompt("my take.mp4")
    Path("my take.mp4").touch()
    assert not is_prompt("my take.mp4")


@pytest.mark.parametrize("word", ["", "--a b", "dusk", "a\0b", "generate"])
def test_a_word_that_may_be_a_command_is_no_prompt(word: str) -> None:
    assert not is_prompt(word)


def test_a_prompt_alone_rolls_a_take(longtake: Command, model: str) -> None:
    first = longtake("a tram turns", "--model", model, "-o", "a.mkv")
    other = longtake("--model", model, "-o", "b.mkv", "a tram turns")
    named = longtake("generate", "a tram turns", "--model", model, "-o", "c.mkv")
    assert (first.code, other.code, named.code) == (0, 0, 0)
    assert Path("a.mkv").read_bytes() == Path("b.mkv").read_bytes() == Path("c.mkv").read_bytes()


def test_options_of_the_group_may_stand_before_it(longtake: Command, model: str) -> None:
    arguments = ("a tram turns", "--model", model, "--set", "draw.fail_in_segment=0")
    assert "Traceback" in longtake("-v", *arguments).err


def test_an_option_that_is_misspelt_is_named_as_one_of_generate(longtake: Command) -> None:
    refused = longtake("a tram turns", "--presett", "thin")
    assert refused.err == (
        "error: No such option '--presett' (did you mean '--preset'?). "
        "See 'longtake generate --help'.\n"
    )
