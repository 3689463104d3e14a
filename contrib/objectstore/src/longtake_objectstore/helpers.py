"""Objects for a forked process: fresh processes that do for it what its obstore no longer can."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from longtake_objectstore.places import Place

__all__ = ["Helpers"]

_START = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from longtake_objectstore.helper import serve; serve(int(sys.argv[1]))"
)
_PATIENCE = 5


class Helpers:
    """What `Objects` does, done by helper processes, one for each use at the same time.

    A helper ends when this process does. Raises `BlobError` as the helper gives it, and `OSError`
    when the helper is gone.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._idle: tuple[int, list[_Helper]] = (0, [])

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        with self._helper() as helper:  # what is raised here ends the helper, and so the upload
            helper.ask("write", key)
            for piece in pieces:
                helper.connection.send_bytes(piece)
            helper.connection.send_bytes(b"")
            helper.answer()

    def read(self, key: str) -> bytes | None:
        record: bytes | None = self._call("read", key)
        return record

    def read_slice(self, key: str, start: int, stop: int | None) -> bytes | None:
        part: bytes | None = self._call("read_slice", key, start, stop)
        return part

    def delete(self, key: str) -> None:
        self._call("delete", key)

    def has(self, key: str) -> bool:
        return bool(self._call("has", key))

    def list_ids(self, *, min_age_seconds: float) -> Iterator[str]:
        yield from self._call("list_ids", min_age_seconds)

    def close(self) -> None:
        """Let those of this process end."""
        owner, idle = self._idle
        if owner == os.getpid():
            while idle:
                idle.pop().end()

    def _call(self, method: str, *arguments: object) -> Any:
        with self._helper() as helper:
            helper.ask(method, *arguments)
            return helper.answer()

    @contextmanager
    def _helper(self) -> Iterator[_Helper]:
        if self._idle[0] != os.getpid():  # forked once more
            self._idle = (os.getpid(), [])
        idle = self._idle[1]
        try:
            helper = idle.pop()
        except IndexError:
            helper = _Helper(self._place)
        try:
            yield helper
        finally:
            if helper.is_ready:
                idle.append(helper)
            else:
                helper.end()


class _Helper:
    """One process that runs `longtake_objectstore.helper.serve`."""

    def __init__(self, place: Place) -> None:
        mine, its = socket.socketpair()
        with its:
            arguments = [sys.executable, "-c", _START, str(its.fileno()), *sys.path]
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                start_new_session=True,  # an interrupt from the keyboard is not for it
            )
        self.connection = Connection(mine.detach())
        self.connection.send(place)
        self.is_ready = True

    def ask(self, method: str, *arguments: object) -> None:
        self.is_ready = False
        self.connection.send((method, arguments))

    def answer(self) -> Any:
        """What it gives or raises."""
        try:
            value, has_bytes = self.connection.recv()
            if has_bytes:
                value = self.connection.recv_bytes()
        except EOFError:
            raise ConnectionError("the helper process has ended") from None
        self.is_ready = True
        if isinstance(value, Exception):
            raise value
        return value

    def end(self) -> None:
        self.connection.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
