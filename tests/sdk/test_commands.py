"""A command of a plugin, as it is declared."""

from __future__ import annotations

import pytest

import longtake as lt
from longtake.cli import group
from longtake.commands import OWN_COMMANDS


def test_longtakes_own_names_are_those_of_its_table() -> None:
    assert set(group._COMMANDS) == OWN_COMMANDS


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
