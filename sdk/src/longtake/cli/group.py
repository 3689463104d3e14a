"""The command group: names and short help in one table, each command imported when it is run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from longtake import __version__

__all__ = ["run"]

_COMMANDS = {
    "generate": ("longtake.cli.commands.generate:generate", "Roll a take, one segment per prompt."),
    "finish": ("longtake.cli.commands.finish:finish", "Write the sound that ends a take."),
    "plan": (
        "longtake.cli.commands.plan:plan",
        "Tell what a take will need, without loading weights.",
    ),
    "inspect": ("longtake.cli.commands.inspection:inspect", "Show what is in a state file."),
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
    "new": ("longtake.cli.commands.new:new", "Start a package with a family or a blob store."),
}

_SHARED = ("generate", "finish")
"""What several processes may do together; of anything else one is enough."""

_LISTINGS = ("families", "presets", "plugins")
"""They log nothing, and start sooner without the machinery for it."""


class _LazyGroup(click.Group):
    """Commands from the table above; the signatures are click's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from longtake.schema.references import resolve

        if cmd_name not in _COMMANDS:
            return None
        command = resolve(_COMMANDS[cmd_name][0])
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Report errors while the context is open, so that logs still go where they went."""
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:  # --help, say
            raise
        except Exception as error:  # the outermost frame: whatever it is becomes one line
            return _exit_code(error)

    def format_commands(
        self,
        ctx: click.Context,
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


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
    """Generative video that never has to stop, segment after segment."""
    from longtake.settings import Settings  # not needed to show help

    if Settings.from_environment().rank and ctx.invoked_subcommand not in _SHARED:
        ctx.exit()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    elif verbose or ctx.invoked_subcommand not in _LISTINGS:
        from longtake.cli.terminal.logs import logs_on_stderr

        ctx.with_resource(logs_on_stderr(verbose=verbose))


def run(argv: Sequence[str] | None) -> int:
    """Run one command and return the exit code; every error is reported on standard error.

    One whose output nobody reads any more, as in ``longtake plan | head``, ends quietly.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        outcome: Any = _longtake.main(arguments, prog_name="longtake", standalone_mode=False)
        if sys.stdout is not None:  # as after ">&-"
            sys.stdout.flush()  # or Python would at its exit, and tell of a closed pipe
    except (Exception, SystemExit) as error:  # of the group's own options, or of the output
        outcome = _exit_code(error)
    return outcome if isinstance(outcome, int) else 0


def _exit_code(error: Exception | SystemExit) -> int:
    """Of a command that ended with ``error``, which is reported if somebody reads."""
    from longtake.cli.terminal.closed_pipes import CLOSED_PIPE, nobody_reads  # seldom needed

    # Where click itself cannot write, it exits.
    if isinstance(error, BrokenPipeError | SystemExit) and nobody_reads():
        return CLOSED_PIPE
    if isinstance(error, SystemExit):
        raise error
    from longtake.cli.terminal.failures import report  # most commands succeed

    return report(error)
