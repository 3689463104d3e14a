"""A process for one plugin: what it said until it was done, ended on its own or was given up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import Any

from attrs import define, frozen

from longtake.doctor.faults import place_of_fault, without_faults
from longtake.doctor.values import Message, StoreKind
from longtake.errors import ValidationError
from longtake.plugins.installed import Installed
from longtake.schema.frozen import fields_of
from longtake.schema.wire import structure

__all__ = ["Transcript", "converse"]

_LONGEST_LINE = 2**22
_GRACE = 1.0
"""Seconds that a process has, after its time is over, to say where it hangs."""


@frozen
class Transcript:
    """``ending``: why the process did not get to its end; None when it did."""

    messages: tuple[Message, ...]
    printed: str
    ending: str | None = None
    is_overdue: bool = False


async def converse(
    found: Installed, *, url: str | None, timeout: float, keeps: StoreKind = "blobs"
) -> Transcript:
    """Load ``found`` in a new process, which then tries its examples, or ``url`` instead.

    ``keeps``: what the store at ``url`` keeps.
    No step of it may take longer than ``timeout`` seconds.
    """
    process = await asyncio.create_subprocess_exec(
        *_command(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    noise = _Noise()
    listening = asyncio.create_task(noise.listen(process.stderr))
    messages: list[Message] = []
    try:
        asked = {"plugin": fields_of(found), "url": url, "keeps": keeps, "timeout": timeout}
        await _ask(process, asked)
        ending, is_overdue = await _follow(process, messages, timeout)
    finally:
        _kill(process)  # and what it has started
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
                await listening
    place = place_of_fault(noise.end) if ending else None
    ending = f"{ending} at {place}" if ending and place else ending
    return Transcript(tuple(messages), without_faults(noise.start), ending, is_overdue)


def _command() -> list[str]:
    """Without the current folder on the path, unless this process has it there, too."""
    flags = ["-u"] if {"", os.getcwd()} & set(sys.path) else ["-u", "-P"]
    return [sys.executable, *flags, "-m", "longtake.doctor.child"]


async def _ask(process: asyncio.subprocess.Process, request: dict[str, Any]) -> None:
    assert process.stdin is not None
    request["path"] = sys.path
    with contextlib.suppress(ConnectionError):  # it has ended, and what follows says how
        process.stdin.write(json.dumps(request).encode() + b"\n")
        await process.stdin.drain()
        process.stdin.close()


async def _follow(
    process: asyncio.subprocess.Process, messages: list[Message], timeout: float
) -> tuple[str | None, bool]:
    """Add what the process says to ``messages``; return why it stopped early, and if by timeout."""
    assert process.stdout is not None
    while True:
        try:
            # Not wait_for: in Python 3.11 it forgets Ctrl-C when a line comes at the same moment.
            async with asyncio.timeout(timeout + _GRACE):
                line = await process.stdout.readline()
            message = structure(json.loads(line), Message) if line else None
        except TimeoutError:
            if process.returncode is not None:  # what it has started holds the pipe
                return _how_it_ended(process.returncode), False
            return f"no answer within {timeout:g} s", True
        except (ValidationError, ValueError) as error:
            return f"its process answered something else than a report ({error})", False
        if message is None:
            return _how_it_ended(await process.wait()), False
        if message.done:
            return None, False
        messages.append(message)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"its process ended with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = f"signal {-code}"
    return f"its process was killed by {name}"


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


@define
class _Noise:
    """What a process prints: the beginning to be shown, the end to look for a fault in."""

    start: str = ""
    end: str = ""

    async def listen(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(2**16):
            text = chunk.decode("utf-8", "replace")
            self.start = (self.start + text)[:4_000]
            self.end = (self.end + text)[-60_000:]
