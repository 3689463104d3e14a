"""Help is by subject: every option has its group, and the examples are commands that work."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from attrs import field, frozen

import longtake as lt
from longtake.cli.commands.again import again
from longtake.cli.commands.enhance import enhance
from longtake.cli.commands.extend import extend
from longtake.cli.commands.finish import finish
from longtake.cli.commands.generate import generate
from longtake.cli.commands.plan import plan
from longtake.cli.commands.retake import retake
from longtake.cli.commands.sessions.rolling import roll
from longtake.cli.options.help import EXAMPLES, GROUPS, group_of
from longtake.plugins.loading import Plugin
from tests.sdk.cli.cli_support import Command

COMMANDS = (generate, again, retake, extend, finish, plan, enhance)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_has_a_group(command: click.Command) -> None:
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert [option.opts for option in options if group_of(option.name) is None] == []


def test_an_option_is_in_one_group() -> None:
    names = [name for names in GROUPS.values() for name in names]
    assert sorted(names) == sorted(set(names))


def test_generate_shows_the_groups_in_their_order(longtake: Command) -> None:
    shown = longtake("generate", "--help").out
    titles = re.findall(r"^(\S.*):$", shown, re.MULTILINE)
    assert titles == [
        *("What", "Size and length", "Going on", "Output", "Model", "Precision", "Else"),
        "Examples",
    ]
    model = shown.partition("\nModel:")[2].partition("\nPrecision:")[0]
    assert [line.split()[0] for line in model.splitlines() if line.startswith("  -")] == [
        *("--model", "--family", "--device")
    ]


@pytest.mark.parametrize(
    ("command", "example"),
    [
        (command, line)
        for command, examples in EXAMPLES.items()
        for _, lines in examples
        for line in lines.splitlines()
    ],
)
def test_every_example_is_a_command_line(longtake: Command, command: str, example: str) -> None:
    assert f"    {example}\n" in longtake(*command.split(), "--help").out
    names, words = ["longtake", *command.split()], shlex.split(example)
    arguments = words[len(names) :]
    assert words[: len(names)] == names
    found = next(each for each in (*COMMANDS, roll) if each.name == names[-1])
    with found.make_context(command, arguments) as ctx:
        assert ctx.args == []


def test_generate_has_three_examples() -> None:
    assert len(EXAMPLES["generate"]) == 3


@frozen(kw_only=True)
class MistOptions:
    density: float = field(default=1.0, metadata={"group": "Precision"})
    colour: str = field(default="grey", metadata={"group": "Nowhere"})
    depth: int = 3


def test_options_of_families_are_marked_and_stand_where_their_fields_say() -> None:
    mist = lt.ModelFamily("mist", (lt.StageSpec("draw", print),), options=MistOptions)
    plugin = Plugin("mist", "longtake-mist", "1", "loaded", families=(mist,))
    with lt.Registry([plugin]).use(), click.Context(generate, info_name="generate") as ctx:
        shown = generate.get_help(ctx)
    precision, _, own = shown.partition("\nPrecision:")[2].partition("\nFamilies' own:")
    assert re.search(r"--density X +\[mist\]", precision)
    assert re.search(r"--colour TEXT +\[mist\]", own)
    assert re.search(r"--depth N +\[mist\]", own)
