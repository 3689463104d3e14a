"""Commands that make takes: they tell what they do, in words or with --json as events."""

from __future__ import annotations

import sys
from typing import Any

import click

from longtake.cli.options.family import ModelCommand
from longtake.cli.terminal.narration import Narration
from longtake.cli.terminal.voices import JsonLines, Words, speaking, voice_in_use
from longtake.settings import Settings

__all__ = ["TakeCommand", "narration_of_command"]

_FLAG = "--json"


class TakeCommand(ModelCommand):
    """A command that rolls; the signatures are click's.

    Which voice it has is settled before its options are read, so that a wrong one of them is told
    by it, too.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text = "Print events as JSON lines, and nothing else, on standard output."
        option = click.Option([_FLAG, "as_json"], is_flag=True, expose_value=False, help=text)
        self.params.append(option)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # as when a shell completes
            said = args[: args.index("--")] if "--" in args else args
            settings = Settings.from_environment()
            as_json = _FLAG in said and not settings.rank  # the other ranks have nothing to tell
            voice = JsonLines(sys.stdout) if as_json else Words(dumb=settings.dumb_terminal)
            # Of the outermost context, for click leaves this one open where an option is wrong.
            ctx.find_root().with_resource(speaking(ctx, voice))
            ctx.call_on_close(voice.close)  # a bar ends before an error is told below it
        return super().parse_args(ctx, args)


def narration_of_command() -> Narration:
    """What tells of the `TakeCommand` that is running."""
    return Narration(voice_in_use() or Words())
