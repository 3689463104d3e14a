"""``longtake sessions``: names and help in one table, each command imported when it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from longtake.schema.references import resolve
from longtake.schema.suggestions import did_you_mean
from longtake.settings import Settings

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["sessions"]

_HOME = "longtake.cli.commands.sessions"
_COMMANDS = {
    "roll": (f"{_HOME}.rolling:roll", "Roll segments; the session is made when it is not there."),
    "list": (f"{_HOME}.listing:list_sessions", "List the sessions of a store."),
    "show": (f"{_HOME}.showing:show", "Show a session: its forks, and its segments."),
    "film": (f"{_HOME}.film:film", "Write a session's take to a file to be played."),
    "fork": (f"{_HOME}.branching:fork", "Begin a new session with what another one has."),
    "rewind": (f"{_HOME}.branching:rewind", "Let a session's last segments go."),
    "export": (f"{_HOME}.moving:export", "Write a session to one file, with all its blobs."),
    "import": (f"{_HOME}.moving:import_", "Make the session that is in an exported file."),
    "expire": (f"{_HOME}.ending:expire", "Say when a session ends, or that it is kept."),
    "delete": (f"{_HOME}.ending:delete", "Forget a session; its forks stay."),
    "sweep": (f"{_HOME}.ending:sweep", "Drop what is over, and blobs that nobody needs."),
}
_SHARED = ("roll",)
"""What several processes may do together; of anything else one is enough."""
_QUOTED = 200


class _SessionsGroup(click.Group):
    """Commands from the table above; the signatures are click's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = resolve(_COMMANDS[cmd_name][0])
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not ctx.resilient_parsing:
            meant = did_you_mean(args[0], _COMMANDS)
            raise click.UsageError(f"No such command {args[0][:_QUOTED]!r}{meant}.", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete from the table: click would import every command for its help."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=line)
            for name, (_, line) in _COMMANDS.items()
            if name.startswith(incomplete) and not incomplete.startswith("-")
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(cls=_SessionsGroup, invoke_without_command=True)
@click.pass_context
def sessions(ctx: click.Context) -> None:
    """Takes that last: in a store, rolled by any number of processes, each segment exactly once.

    --sessions URL says where they are: sqlite:takes.db is a file that the processes of one machine
    share, and redis:// and postgresql:// are servers, where their packages are installed.
    """
    if Settings.from_environment().rank and ctx.invoked_subcommand not in _SHARED:
        ctx.exit()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
