"""Connections to the server of a `Place`, which threads and forked processes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from longtake_redis.pipeline import Connection, command
from longtake_redis.places import Place

__all__ = ["Connections", "ask"]

_READ_SIZE = 256 * 1024
"""Bytes that a connection asks of its socket at once."""


class Connections:
    """As many as are needed at once, kept for the next use. Nothing is sent before the first.

    One that the server has closed meanwhile is opened again when it is taken, before anything is
    sent; what was sent is never sent again.
    """

    def __init__(self, place: Place) -> None:
        address: dict[str, Any] = {"host": place.host, "port": place.port, **(place.tls or {})}
        kind: type[Any] = redis.Connection if place.tls is None else redis.SSLConnection
        if place.socket:
            kind, address = redis.UnixDomainSocketConnection, {"path": place.socket}
        self._pool = redis.ConnectionPool(
            connection_class=kind,
            max_connections=2**31,
            db=place.db,
            username=place.username or None,
            password=place.password or None,
            socket_connect_timeout=place.timeout,
            socket_timeout=place.timeout,
            socket_read_size=_READ_SIZE,
            protocol=2,
            retry=Retry(NoBackoff(), 0),  # whoever uses a store decides how often to try
            **address,
        )

    @contextmanager
    def one(self) -> Iterator[Connection]:
        """A connection that nobody else has until the end of the block."""
        connection: Any = self._pool.get_connection()
        try:
            yield connection
        except BaseException:
            connection.disconnect()  # replies may be due that nobody will read
            raise
        finally:
            self._pool.release(connection)

    def close(self) -> None:
        """Let them go."""
        self._pool.disconnect()


def ask(connection: Connection, *arguments: bytes) -> Any:
    """The reply to one command."""
    connection.send_packed_command([command(*arguments)])
    return connection.read_response()
