"""Commands that are sent ahead of their replies over one connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from redis.exceptions import ResponseError

__all__ = ["Connection", "Pipeline", "command", "replies"]

WINDOW = 8
"""Replies that may be due before one is read, so that neither side keeps many pieces at once."""

_JOINED_UP_TO = 128 * 1024
"""Bytes up to which joining buffers costs less than sending each."""

_AT_ONCE = 16
"""Buffers from which the same holds for any number of bytes."""


class Connection(Protocol):
    """What is used of a connection of redis-py."""

    def send_packed_command(self, command: list[bytes | memoryview], /) -> None: ...

    def read_response(self) -> Any: ...

    def disconnect(self) -> None: ...


def command(*arguments: bytes) -> bytes:
    """The command as it is sent."""
    parts = [b"*%d\r\n" % len(arguments)]
    parts += [b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in arguments]
    return b"".join(parts)


class Pipeline:
    """Writes over ``connection``, each with the reply that is expected of it.

    ``is_lost``: whether the connection failed, so that nothing more can be said over it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._expected: deque[Any] = deque()
        self._unsent: list[bytes | memoryview] = []
        self.is_lost = False

    def set(self, key: bytes, value: list[bytes | memoryview], seconds: int) -> None:
        """SET, with an expiry; the value's last bytes may leave with the next command."""
        size = sum(map(len, value))
        self._unsent.append(b"*5\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n" % (len(key), key, size))
        self._send(value, size)
        expiry = b"%d" % seconds
        self._unsent.append(b"\r\n$2\r\nEX\r\n$%d\r\n%b\r\n" % (len(expiry), expiry))
        self._expected.append(b"OK")
        while len(self._expected) > WINDOW:
            self._read()

    def expire(self, keys: Iterable[bytes], seconds: int) -> None:
        """EXPIRE of each; one that is not there raises `LookupError` when its reply is read."""
        for key in keys:
            self._unsent.append(command(b"EXPIRE", key, b"%d" % seconds))
            self._expected.append(1)

    def run(self, script: bytes, keys: list[bytes], arguments: list[bytes]) -> None:
        """EVAL; a script that does not return 1 raises `LookupError` when its reply is read."""
        self._unsent.append(command(b"EVAL", script, b"%d" % len(keys), *keys, *arguments))
        self._expected.append(1)

    def finish(self) -> None:
        """Send what is left and read every reply. Raises what redis-py raises of them."""
        self._flush()
        while self._expected:
            self._read()

    def forget(self, keys: Iterable[bytes]) -> None:
        """UNLINK, after reading what is due, whatever it says; for keys that shall not stay."""
        self._unsent.append(command(b"UNLINK", *keys))
        self._flush()
        self._expected.append(None)
        while self._expected:
            self._expected.popleft()
            with suppress(ResponseError):
                self._connection.read_response()

    def _send(self, value: list[bytes | memoryview], size: int) -> None:
        self._unsent += value
        if size > _JOINED_UP_TO:
            self._flush()

    def _flush(self) -> None:
        if len(self._unsent) > _AT_ONCE or sum(map(len, self._unsent)) <= _JOINED_UP_TO:
            self._unsent = [b"".join(self._unsent)]
        unsent, self._unsent = self._unsent, []
        with self._watched():
            self._connection.send_packed_command(unsent)

    def _read(self) -> None:
        expected = self._expected.popleft()
        with self._watched():
            reply = self._connection.read_response()
        if reply != expected:
            raise LookupError("a key is gone")

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except ResponseError:
            raise
        except BaseException:
            self.is_lost = True
            raise


def replies(connection: Connection, commands: Iterable[bytes]) -> Iterator[Any]:
    """The replies to the commands, in order."""
    due = 0
    for each in commands:
        connection.send_packed_command([each])
        due += 1
        if due >= WINDOW:
            yield connection.read_response()
            due -= 1
    for _ in range(due):
        yield connection.read_response()
