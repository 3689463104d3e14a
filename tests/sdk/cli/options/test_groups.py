"""Options that commands share stand in the help as they are listed."""

from __future__ import annotations

import click

from longtake.cli.options.groups import with_options


def test_options_are_listed_in_their_order() -> None:
    options = (click.option("--first"), click.option("--second"), click.option("--third"))
    command = click.command()(with_options(lambda **said: None, options))
    assert [option.name for option in command.params] == ["first", "second", "third"]


def test_without_options_a_command_stays_as_it_is() -> None:
    def command() -> None:
        """Nothing."""

    assert with_options(command, ()) is command
