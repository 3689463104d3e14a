"""Connections to the server of a `Place`, which threads share; a forked process has its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from select import POLLIN, poll
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from longtake_postgres.places import Place

__all__ = ["Connections"]

_LONGER = 1.0
"""Seconds for which a client waits when the server should have given up."""

_inherited: list[ConnectionPool[Any]] = []
"""Pools of the process that this one was forked from: nobody here may use or end them."""


class Connections:
    """At most ``place.connections`` at once, kept for the next use. None is made before the first.

    One that the server has closed meanwhile is replaced when it is taken, before anything is sent;
    what was sent is never sent again. An answer that does not come in time is an
    `OperationalError`, and so is no connection.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Any] | None = None
        self._pid = os.getpid()

    @contextmanager
    def one(self) -> Iterator[psycopg.Connection]:
        """A connection, in autocommit, that nobody else has until the end of the block."""
        pool = self._opened()
        connection = _working(pool)
        try:
            yield connection
        except BaseException:
            with suppress(psycopg.Error):
                connection.rollback()
            if connection.pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.close()  # an answer is due that nobody will read
            raise
        finally:
            pool.putconn(connection)

    def close(self) -> None:
        """Let them go."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and self._pid == os.getpid():
            pool.close()

    def _opened(self) -> ConnectionPool[Any]:
        if self._pid != os.getpid():
            if self._pool is not None:
                _inherited.append(self._pool)
            self._pid, self._lock, self._pool = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._pool is None:
                self._pool = _new_pool(self._place)
            return self._pool


def _new_pool(place: Place) -> ConnectionPool[Any]:
    class Connection(psycopg.Connection):
        """A connection that does not wait for ever for a server that hangs."""

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            patience = place.timeout + _LONGER if timeout is None else timeout
            return super().wait(gen, interval, patience)

    conninfo = _conninfo(place)
    Connection.connect(conninfo).close()  # the pool would not say why it has none
    pool = ConnectionPool(
        conninfo,
        connection_class=Connection,
        kwargs={"autocommit": True, "prepare_threshold": 2},
        min_size=0,
        max_size=place.connections,
        timeout=place.timeout,
        reconnect_timeout=place.timeout,
        num_workers=1,
        open=False,
    )
    pool.open()
    return pool


def _conninfo(place: Place) -> str:
    """The server gives up when the client does, so that nothing is done long after it was asked.

    Each query sees what was committed before it, whatever the database's default is.
    """
    milliseconds = 1000 * place.timeout
    return make_conninfo(
        **place.login,
        application_name="longtake",
        connect_timeout=max(2, place.timeout),
        tcp_user_timeout=milliseconds,
        options=(
            f"-c statement_timeout={milliseconds} -c client_min_messages=error "
            r"-c default_transaction_isolation=read\ committed "
            "-c default_transaction_read_only=off"
        ),
    )


def _working(pool: ConnectionPool[Any]) -> psycopg.Connection:
    """A connection on which nothing is to be read, as when a server ends it and says so.

    The pool's own check waits a second, and then longer, for each one that fails.
    """
    while True:
        connection: psycopg.Connection = pool.getconn()
        closed = (OSError, ValueError, psycopg.Error)
        with suppress(*closed):
            waiting = poll()
            waiting.register(connection.fileno(), POLLIN)
            if not waiting.poll(0):
                return connection
        connection.close()
        pool.putconn(connection)
