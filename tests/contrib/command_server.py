"""Commands of ``longtake``, each in a process of its own that begins where imports have been done.

Processes are forked from a server, which is one in turn, so that nothing of the test's own process
is in them. Each can have a mishap at a certain point: a kill, a signal, or a person who touches its
files while it works.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import asdict, frozen

from tests.rules.sources import ROOT

__all__ = ["MISHAP", "CommandServer", "Ended", "Mishap"]

MISHAP = "-- mishap --"
"""The line on standard error that says when it happened."""

_IMPORTED_EARLY = (
    "av",
    "cattrs",
    "longtake.cli.commands.finish",
    "longtake.cli.commands.generate",
    "longtake.takes.writer",
    "longtake_pendulum.stages",
    "tqdm",
)


@frozen(kw_only=True)
class Mishap:
    """What happens to a command just before it brings something to the disk for the ``at``-th time.

    ``kind``: ``kill``, ``interrupt`` or ``terminate``, or to the file at ``path``: ``delete``, or
    ``replace`` by ``text``.
    """

    kind: str
    at: int
    path: str = ""
    text: str = ""


@frozen
class Ended:
    """How a command ended: its exit code, negative for a signal, and what it said."""

    code: int
    out: str
    err: str


class CommandServer:
    """Starts with the block and ends with it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contrib.command_server"],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, folder: Path, argv: Sequence[str], mishap: Mishap | None = None) -> Ended:
        """The command ``longtake argv`` in ``folder``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {
            "folder": str(folder),
            "argv": list(argv),
            "mishap": None if mishap is None else asdict(mishap),
        }
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


def _serve() -> None:
    import importlib

    for name in _IMPORTED_EARLY:
        importlib.import_module(name)
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(_forked(json.loads(line)))}\n")
        sys.stdout.flush()


def _forked(asked: dict[str, Any]) -> dict[str, Any]:
    out, err = os.memfd_create("out"), os.memfd_create("err")
    child = os.fork()
    if child == 0:
        os.dup2(out, 1)
        os.dup2(err, 2)
        os._exit(_command(asked))
    _, status = os.waitpid(child, 0)
    said = {"out": _text(out), "err": _text(err)}
    return {"code": os.waitstatus_to_exitcode(status), **said}


def _text(descriptor: int) -> str:
    with open(descriptor, "rb") as file:
        file.seek(0)
        return file.read().decode()


def _command(asked: dict[str, Any]) -> int:
    from longtake.cli import main

    code = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(asked["folder"])
        if asked["mishap"] is not None:
            _prepare(Mishap(**asked["mishap"]))
        code = main(asked["argv"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _prepare(mishap: Mishap) -> None:
    fsync, left = os.fsync, [mishap.at]

    def counting(descriptor: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.write(2, f"{MISHAP}\n".encode())
            _happen(mishap)
        fsync(descriptor)

    setattr(os, "fsync", counting)  # noqa: B010  (its type says how it names its argument)


def _happen(mishap: Mishap) -> None:
    signals = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM, "kill": signal.SIGKILL}
    if mishap.kind in signals:
        os.kill(os.getpid(), signals[mishap.kind])
    elif os.path.exists(mishap.path):
        os.unlink(mishap.path)
        if mishap.kind == "replace":
            Path(mishap.path).write_text(mishap.text)


if __name__ == "__main__":
    _serve()
