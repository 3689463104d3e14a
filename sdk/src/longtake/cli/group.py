"""The command group: names and short help in one table, each command imported when it is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from longtake import __version__
from longtake.cli.ending import ended, exit_code

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["run"]

_COMMANDS = {
    "generate": ("longtake.cli.commands.generate:generate", "Roll a take, one segment per prompt."),
    "retake": ("longtake.cli.commands.retake:retake", "Remake a clip between two times."),
    "extend": ("longtake.cli.commands.extend:extend", "Go on from a clip, or begin earlier."),
    "enhance": (
        "longtake.cli.commands.enhance:enhance",
        "Print a prompt as the model rewrites it.",
    ),
    "again": ("longtake.cli.commands.again:again", "Make a take again from what its file says."),
    "finish": ("longtake.cli.commands.finish:finish", "Write the sound that ends a take."),
    "join": ("longtake.cli.commands.join:join", "Make one file of the parts of a take."),
    "sign": ("longtake.cli.commands.sign:sign", "Sign a copy of a take: a model made it (C2PA)."),
    "sessions": (
        "longtake.cli.commands.sessions.group:sessions",
        "Takes that last, in a store that processes share.",
    ),
    "pool": (
        "longtake.cli.commands.pool:pool",
        "Look at the workers of a dispatcher, and replace them.",
    ),
    "plan": (
        "longtake.cli.commands.plan:plan",
        "Tell what a take will need, without loading weights.",
    ),
    "inspect": ("longtake.cli.commands.inspection:inspect", "Show what is in a state or a take."),
    "families": ("longtake.cli.commands.listings:families", "List the model families."),
    "presets": ("longtake.cli.commands.listings:presets", "List the presets of the families."),
    "plugins": (
        "longtake.cli.commands.listings:plugins",
        "List the plugins, also those that failed.",
    ),
    "doctor": (
        "longtake.cli.commands.doctor:doctor",
        "Examine every plugin in a process of its own.",
    ),
    "new": ("longtake.cli.commands.new:new", "Start a package with a plugin of your own."),
}

_SECTIONS = {
    "Make takes": ("generate", "again", "retake", "extend", "finish", "join", "sessions", "pool"),
    "Know beforehand and afterwards": ("plan", "enhance", "inspect"),
    "What is installed": ("families", "presets", "plugins", "doctor", "new"),
}
"""How help lists the commands; those of no section come last."""

_FIRST_STEPS = (
    ('longtake "a tram turns"', "One segment of noise, without any model."),
    ("longtake generate --help", "Models, sizes, outputs, and how to go on."),
    ("longtake presets", "What there is to generate with."),
)

_QUOTED = 200
"""Characters of a wrong name that an error shows at most."""

_SHARED = ("generate", "again", "retake", "extend", "finish", "sessions")
"""What several processes may do together; of anything else one is enough."""

_LISTINGS = ("families", "presets", "plugins")
"""They log nothing, and start sooner without the machinery for it."""


def _is_added(name: str) -> bool:
    from longtake.cli.added import is_added  # late: most commands are Longtake's own

    return is_added(name)


def _lines() -> dict[str, str]:
    """The help of every command, by name; those of plugins come last."""
    from longtake.cli.known_commands import known_commands

    return {name: line for name, (_, line) in _COMMANDS.items()} | known_commands()


class _LazyGroup(click.Group):
    """Commands from the table above, and of plugins; the signatures are click's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_lines())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {text for param in self.get_params(ctx) for text in param.opts}
        count = next((n for n, each in enumerate(args) if each not in own), len(args))
        if args[count : count + 1] and args[count] not in _COMMANDS:
            from longtake.cli.implied import with_command  # late: most say the command

            if not _is_added(args[count]):
                args = [*args[:count], *with_command(args[count:], _COMMANDS)]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not _is_added(args[0]) and not ctx.resilient_parsing:
            raise click.UsageError(f"No such command {args[0][:_QUOTED]!r}{_meant(args[0])}.", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete from the table: click would import every command for its help."""
        from click.shell_completion import CompletionItem

        lines = _lines()
        found = [
            CompletionItem(name, help=line)
            for name, line in lines.items()
            if name.startswith(incomplete) and not incomplete.startswith("-")
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from longtake.schema.references import resolve

        if cmd_name not in _COMMANDS:
            from longtake.cli.added import added_command, is_added

            return added_command(cmd_name) if is_added(cmd_name) else None
        command = resolve(_COMMANDS[cmd_name][0])
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Report errors while the context is open, so that logs still go where they went."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:  # --help, say
            raise
        except (Exception, KeyboardInterrupt) as error:  # the outermost frame: it becomes one line
            return exit_code(error)

    def format_commands(
        self,
        ctx: click.Context,
        formatter: click.HelpFormatter,
    ) -> None:
        placed = [name for names in _SECTIONS.values() for name in names]
        lines = _lines()
        others = tuple(name for name in lines if name not in placed)
        width = max(map(len, lines))
        for title, names in {**_SECTIONS, "From plugins": others}.items():
            rows = [(name.ljust(width), lines[name]) for name in names if name in lines]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("First steps"):
            formatter.write_dl(_FIRST_STEPS)


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="longtake", message="%(prog)s %(version)s")
@click.option(
    "-v", "--verbose", "--debug", "verbose", is_flag=True, help="Show log messages and tracebacks."
)
@click.pass_context
def _longtake(ctx: click.Context, verbose: bool) -> None:
    """Generative video that never has to stop, segment after segment.

    A prompt instead of a command, that is anything with a space in it or a letter beyond ASCII, is
    generated: longtake "a tram turns" is short for longtake generate "a tram turns".
    """
    from longtake.settings import Settings  # not needed to show help

    settings = Settings.from_environment()
    if settings.rank and ctx.invoked_subcommand not in _SHARED:
        ctx.exit()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    elif verbose or ctx.invoked_subcommand not in _LISTINGS:
        from longtake.cli.terminal.interruption import ended_by_sigterm
        from longtake.cli.terminal.logs import logs_on_stderr

        if settings.world_size == 1:  # a rank may wait for another one, where only a kill helps
            ctx.with_resource(ended_by_sigterm())
        ctx.with_resource(logs_on_stderr(verbose=verbose))


def run(argv: Sequence[str]) -> int:
    """Run one command and return the exit code; every error is reported on standard error."""
    arguments = list(argv)
    return ended(
        lambda: _longtake.main(
            arguments, prog_name="longtake", standalone_mode=False, obj=tuple(arguments)
        )
    )


def _meant(command: str) -> str:
    """What to do instead of a command that there is not."""
    import shlex

    from longtake.cli.implied import DEFAULT_COMMAND  # late: most commands are spelt well
    from longtake.schema.suggestions import did_you_mean

    one_word = f"; as a prompt: longtake {DEFAULT_COMMAND} {shlex.quote(command[:_QUOTED])}"
    return did_you_mean(command, _lines()) or one_word
