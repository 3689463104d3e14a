"""Commands that plugins add."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import longtake as lt
from longtake.cli.group import _COMMANDS  # the table, which the names below must be
from longtake.commands import OWN_COMMANDS
from longtake.testing import FakeDistributions, Finished

NUM_PLUGINS = 50

PLUGIN = """
import longtake as lt

@lt.hookimpl
def longtake_commands():
    return [lt.Command("NAME", "MODULE:command", help="Say NAME.")]
"""

COMMAND = """
import click

@click.command()
@click.argument("words", nargs=-1)
def command(words):
    \"\"\"Say NAME and the WORDS.\"\"\"
    click.echo(" ".join(("NAME", *words)))
"""


def add(installed: FakeDistributions, name: str, *, distribution: str, target: str = "") -> None:
    """Install a plugin with the command ``name``, in a module of its own."""
    module = f"{distribution.replace('-', '_')}_command"
    source = PLUGIN.replace("NAME", name).replace("MODULE:command", target or f"{module}:command")
    installed.add(distribution, source)
    code = f"open(__file__ + '.ran', 'w').close()\n{COMMAND.replace('NAME', name)}"
    (installed.folder / f"{module}.py").write_text(code)


@pytest.fixture
def installed(tmp_path: Path) -> FakeDistributions:
    found = FakeDistributions(tmp_path / "installed")
    found.folder.mkdir()
    return found


def longtake(installed: FakeDistributions, *argv: str) -> Finished:
    cache = str(installed.folder / "cache")
    return installed.python("-m", "longtake", *argv, XDG_CACHE_HOME=cache)


def test_longtakes_own_names_are_those_of_its_table() -> None:
    assert set(_COMMANDS) == OWN_COMMANDS


def test_help_with_fifty_plugins_imports_none_of_them(installed: FakeDistributions) -> None:
    for index in range(NUM_PLUGINS):
        add(installed, f"say-{index}", distribution=f"longtake-say{index}")
    first = longtake(installed, "--help")
    assert not any(installed.was_imported(f"longtake_say{n}_command") for n in range(NUM_PLUGINS))
    for left in installed.folder.glob("*.ran"):
        left.unlink()
    again = longtake(installed, "--help")
    assert again == first
    assert all(f"say-{n} " in again.out for n in range(NUM_PLUGINS))
    assert "Say say-49." in again.out
    assert not list(installed.folder.glob("*.ran"))


def test_what_help_remembers_does_not_outlive_what_is_installed(
    installed: FakeDistributions,
) -> None:
    add(installed, "one", distribution="longtake-one")
    assert "Say one." in longtake(installed, "--help").out
    add(installed, "two", distribution="longtake-two")
    assert "Say two." in longtake(installed, "--help").out
    source = installed.folder / "longtake_two.py"
    source.write_text(source.read_text().replace("Say two.", "Say it twice."))
    shown = longtake(installed, "--help").out
    assert "Say it twice." in shown
    assert "Say two." not in shown


@pytest.mark.parametrize("content", [b"", b"[]", b'{"key": 1}', b"\xff", b"[" * 100])
def test_damaged_memory_is_none(installed: FakeDistributions, content: bytes) -> None:
    add(installed, "one", distribution="longtake-one")
    longtake(installed, "--help")
    [file] = (installed.folder / "cache" / "longtake").iterdir()
    file.write_bytes(content)
    assert "Say one." in longtake(installed, "--help").out


def test_a_home_that_cannot_be_written_to_costs_nothing(installed: FakeDistributions) -> None:
    add(installed, "one", distribution="longtake-one")
    (installed.folder / "cache").write_bytes(b"")
    done = longtake(installed, "--help")
    assert (done.code, done.err) == (0, "")
    assert "Say one." in done.out


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


@pytest.mark.parametrize(
    ("name", "command", "line", "problem"),
    [
        ("Greet", "a:b", "Greet.", "name is 'Greet'"),
        ("greet me", "a:b", "Greet.", "name is 'greet me'"),
        ("generate", "a:b", "Greet.", "Longtake's own"),
        ("greet", "a.b", "Greet.", "command is 'a.b'"),
        ("greet", "a:b", "Two\nlines.", "one line"),
        ("greet", "a:b", " ", "one line"),
    ],
)
def test_what_is_no_command_is_refused_where_it_is_made(
    name: str, command: str, line: str, problem: str
) -> None:
    with pytest.raises(lt.PluginError, match=problem):
        lt.Command(name, command, help=line)
