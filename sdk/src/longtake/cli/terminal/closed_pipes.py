"""Output into a pipe that nobody reads any more: no error, and nothing more to be said."""

from __future__ import annotations

import os
import select
import sys
from typing import TextIO

__all__ = ["CLOSED_PIPE", "nobody_reads"]

CLOSED_PIPE = 141
"""128 + SIGPIPE: the exit code of a program that the signal ends."""


def nobody_reads() -> bool:
    """Whether standard output, or error, is a pipe whose reader has gone.

    What is left to be written there is then dropped, so that Python does not try at its exit.
    """
    closed = [each for each in (sys.stdout, sys.stderr) if _is_closed(each)]
    for stream in closed:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    return bool(closed)


def _is_closed(stream: TextIO) -> bool:
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)  # errors are told unasked
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):  # no such call, or not a file
        return False
