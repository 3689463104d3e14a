"""How every command ends: with its output written, and an exit code for whatever it raised."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Any

__all__ = ["ended", "exit_code"]


def ended(command: Callable[[], Any]) -> int:
    """Run ``command``; the exit code that it returns or that its error has, else 0.

    One whose output nobody reads any more, as in ``longtake plan | head``, ends quietly.
    """
    _escape_what_cannot_be_printed()
    try:
        outcome = command()
        if sys.stdout is not None:  # as after ">&-"
            sys.stdout.flush()  # or Python would at its exit, and tell of a closed pipe
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # of the options, of the output
        outcome = exit_code(error)
    return outcome if isinstance(outcome, int) else 0


def _escape_what_cannot_be_printed() -> None:
    """A name that is no Unicode text would else end a command that has done its work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and not stream.closed and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def exit_code(error: Exception | SystemExit | KeyboardInterrupt) -> int:
    """Of a command that ended with ``error``, which is reported if somebody reads."""
    from longtake.cli.terminal.closed_pipes import CLOSED_PIPE, nobody_reads  # seldom needed

    # Where click itself cannot write, it exits.
    if isinstance(error, BrokenPipeError | SystemExit) and nobody_reads():
        return CLOSED_PIPE
    if isinstance(error, SystemExit):
        raise error
    from longtake.cli.terminal.failures import report  # most commands succeed

    return report(error)
