"""From an error to one line on standard error and an exit code."""

from __future__ import annotations

import click

from longtake.errors import (
    Cancelled,
    CheckpointError,
    LongtakeError,
    MissingDependencyError,
    NameClashError,
    OutputError,
    StageError,
    UnknownNameError,
    ValidationError,
)

__all__ = ["report"]

_WRONG_USE = 2
_FAILURE = 1
_WHERE = "(longtake --verbose shows where)"

_USER_ERRORS = (
    CheckpointError,
    MissingDependencyError,
    NameClashError,
    OutputError,
    UnknownNameError,
    ValidationError,
    click.ClickException,
)


def report(error: Exception) -> int:
    """Print ``error`` in one line; return 2 when the user can put it right, else 1.

    The traceback is a debug message, which ``longtake --verbose`` shows.
    """
    import logging  # not needed by commands that succeed

    logging.getLogger(__name__).debug("the command failed", exc_info=error)
    click.echo(f"error{_where()}: {_line(error)}", err=True)
    return _WRONG_USE if isinstance(error, _USER_ERRORS) else _FAILURE


def _where() -> str:
    """Which of several processes this is, for all but the first."""
    from longtake.settings import Settings

    try:
        rank = Settings.from_environment().rank
    except ValidationError:  # which is then the error itself
        return ""
    return f" on rank {rank}" if rank else ""


def _line(error: Exception) -> str:
    return " ".join(part.strip() for part in _text(error).splitlines() if part.strip())


def _text(error: Exception) -> str:
    if isinstance(error, Cancelled | click.Abort):
        return "interrupted"
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "longtake"
        message = error.format_message()
        stop = "" if message.endswith((".", "?", "!")) else "."
        return f"{message}{stop} See '{command} --help'."
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, StageError):
        return f"{error} {_WHERE}"
    if isinstance(error, LongtakeError):
        return str(error)
    return f"{type(error).__name__}: {error} {_WHERE}"
