"""From an error to one line on standard error, an event where events are told, and an exit code."""

from __future__ import annotations

import signal

import click

from longtake.cli.terminal.events import Failed
from longtake.cli.terminal.interruption import signal_behind
from longtake.cli.terminal.voices import voice_in_use
from longtake.errors import (
    Cancelled,
    CheckpointError,
    LongtakeError,
    MissingDependencyError,
    NameClashError,
    OutputError,
    SessionExists,
    SessionNotFound,
    StageError,
    UnknownNameError,
    ValidationError,
    sayable,
    text_of,
)
from longtake.schema.suggestions import did_you_mean

__all__ = ["report"]

_WRONG_USE = 2
_FAILURE = 1
_INTERRUPTED = "interrupted"
_WHERE = "(longtake --verbose shows where)"

_LOCATED = CheckpointError | OutputError | ValidationError
_USER_ERRORS = (
    CheckpointError,
    MissingDependencyError,
    NameClashError,
    OutputError,
    SessionExists,
    SessionNotFound,
    UnknownNameError,
    ValidationError,
    click.ClickException,
)


def report(error: Exception | KeyboardInterrupt) -> int:
    """Print ``error`` in one line; return 2 when the user can put it right, else 1.

    A command that a signal has stopped was "interrupted", and the code is 128 and the signal's
    number. The traceback is a debug message, which ``longtake --verbose`` shows.
    """
    import logging  # not needed by commands that succeed

    logging.getLogger(__name__).debug("the command failed", exc_info=error)
    number = _signal(error)
    if number is not None:
        click.echo(f"{_INTERRUPTED}{_where()}", err=True)
        code = 128 + number
    else:
        click.echo(f"error{_where()}: {_line(error)}", err=True)
        code = _WRONG_USE if isinstance(error, _USER_ERRORS) else _FAILURE
    _tell(error, code, number)
    return code


def _signal(error: BaseException) -> int | None:
    """The signal that stopped the command; Ctrl-C's for a run that was cancelled by itself."""
    if (number := signal_behind(error)) is not None:
        return number
    return signal.SIGINT if isinstance(error, Cancelled | click.Abort) else None


def _tell(error: BaseException, code: int, number: int | None) -> None:
    """Where the command tells events, the last one."""
    voice = voice_in_use()
    if voice is None:
        return
    path = error.path if isinstance(error, _LOCATED) else None
    problem = error.problem if isinstance(error, _LOCATED) else _text(error)
    voice.tell(
        Failed(
            error=type(error).__name__,
            path=path or None,
            reason=_INTERRUPTED if number is not None else problem,
            exit_code=code,
            signal=number,
        )
    )


def _options(ctx: click.Context | None) -> list[str]:
    """What may be said of the command of ``ctx``."""
    params = [] if ctx is None else ctx.command.get_params(ctx)
    return [text for param in params for text in (*param.opts, *param.secondary_opts)]


def _where() -> str:
    """Which of several processes this is, for all but the first."""
    from longtake.settings import Settings

    try:
        rank = Settings.from_environment().rank
    except ValidationError:  # which is then the error itself
        return ""
    return f" on rank {rank}" if rank else ""


def _line(error: BaseException) -> str:
    said = sayable(_text(error))
    return " ".join(part.strip() for part in said.splitlines() if part.strip())


def _text(error: BaseException) -> str:
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "longtake"
        message = error.format_message()
        if isinstance(error, click.NoSuchOption):
            meant = did_you_mean(error.option_name, _options(error.ctx))
            message = f"No such option {error.option_name!r}{meant}"
        stop = "" if message.endswith((".", "?", "!")) else "."
        return f"{message}{stop} See '{command} --help'."
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, StageError):
        return f"{text_of(error)} {_WHERE}"
    if isinstance(error, LongtakeError):
        return text_of(error)
    return f"{type(error).__name__}: {text_of(error)} {_WHERE}"
