"""Sessions in PostgreSQL: rows of one table, changed by one function of the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg.errors import UndefinedFunction

import longtake as lt
from longtake_postgres.connections import Connections
from longtake_postgres.failures import UNDONE, session_error
from longtake_postgres.layout import Statements, make_function, prepare
from longtake_postgres.places import parse_url

__all__ = ["PostgresRows", "open_store"]

_TRIES = 20
"""How often a change is made that the server undid, since it waited for one that waited for it."""


def open_store(url: str) -> lt.RowSessionStore:
    """The store in the database that ``url`` names; see the README for its form.

    Its table is made when it is not there. Raises `ValidationError` for a URL that cannot be used,
    `SessionStoreUnavailable` when the server cannot be reached or refuses the login.
    """
    store = lt.RowSessionStore(PostgresRows(url))
    store.list(limit=1)  # a server that cannot be used says so now
    return store


class PostgresRows(lt.SessionRows):
    """Rows of the table that ``url`` names. Pickled, it is ``url``, also its password.

    Raises `ValidationError` for a URL that it cannot use. Nothing is sent before the first use.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._place = parse_url(url)
        self._connections = Connections(self._place)
        self._statements = Statements(self._place)
        self._prepared = False

    def now(self) -> float:
        with self._connection() as connection:
            row = connection.execute(
                "SELECT extract(epoch FROM clock_timestamp())::float8"
            ).fetchone()
        assert row is not None
        return float(row[0])

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        with self._connection() as connection:
            cursor = connection.execute(self._statements.read, [list(keys)], binary=True)
            found: dict[str, bytes] = dict(cursor.fetchall())
        return [found.get(key) for key in keys]

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        with self._connection() as connection:
            bounds = [_bound(start), _bound(stop), limit]
            return connection.execute(self._statements.scan, bounds, binary=True).fetchall()

    def write(self, change: lt.RowChange) -> bool:
        statement, told = self._statements.write(change)
        with self._connection() as connection:
            for left in reversed(range(_TRIES)):
                try:
                    row = connection.execute(statement, told).fetchone()
                except UNDONE:  # nothing of it was written
                    if not left:
                        raise
                except UndefinedFunction:
                    make_function(connection, self._place)
                else:
                    assert row is not None
                    return bool(row[0])
        raise AssertionError

    def failure(self, error: Exception) -> lt.SessionError | None:
        return session_error(error, self._place.shown)

    def close(self) -> None:
        self._connections.close()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        with self._connections.one() as connection:
            if not self._prepared:
                prepare(connection, self._place)
                self._prepared = True
            yield connection

    def __reduce__(self) -> tuple[type[PostgresRows], tuple[str]]:
        return type(self), (self._url,)

    def __repr__(self) -> str:
        return self._place.shown


def _bound(key: str) -> str:
    """The same bound without a zero byte, which no key has, and no text of PostgreSQL may have."""
    before, zero, _ = key.partition("\0")
    return f"{before}\x01" if zero else key
