"""Sessions in Redis: rows that a script on the server changes in one step."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import ResponseError

import longtake as lt
from longtake_redis.connections import Connections, ask
from longtake_redis.failures import session_error
from longtake_redis.places import SESSIONS, parse_url
from longtake_redis.scripts import LOST, SCAN, WRITE

__all__ = ["RedisRows", "open_store"]


def open_store(url: str) -> lt.RowSessionStore:
    """The store in the database that ``url`` names; see the README for its forms.

    Raises `ValidationError` for a URL that cannot be used, `SessionStoreUnavailable` when the
    server cannot be reached or refuses the login.
    """
    store = lt.RowSessionStore(RedisRows(url))
    store.list(limit=1)  # a server that cannot be used says so now
    return store


class RedisRows(lt.SessionRows):
    """Rows in the database that ``url`` names. Pickled, it is ``url``, also its password.

    Raises `ValidationError` for a URL that it cannot use. Nothing is sent before the first use. A
    row is the value of a key of its own; the names of all are in a sorted set, which orders them.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._place = parse_url(url, SESSIONS)
        self._connections = Connections(self._place)
        prefix = self._place.prefix.encode("ascii")
        self._index = prefix + b"index"
        self._row = prefix + b"row:"

    def now(self) -> float:
        with self._connections.one() as connection:
            seconds, microseconds = ask(connection, b"TIME")
        return int(seconds) + int(microseconds) / 1e6

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        with self._connections.one() as connection:
            found: list[bytes | None] = ask(connection, b"MGET", *map(self._key, keys))
        return found

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        arguments = [start.encode(), stop.encode(), b"%d" % limit, self._row]
        with self._connections.one() as connection:
            found = SCAN.run(connection, [self._index], arguments)
        return [(name.decode(), row) for name, row in zip(found[::2], found[1::2], strict=True)]

    def write(self, change: lt.RowChange) -> bool:
        deletes = [key for key in change.deletes if key not in change.puts]
        keys = [self._index, *map(self._key, (*change.expected, *deletes, *change.puts))]
        numbers = (len(change.expected), len(deletes), len(self._row) + 1)
        expected = [b"" if row is None else b"=" + row for row in change.expected.values()]
        arguments = [*(b"%d" % number for number in numbers), *expected, *change.puts.values()]
        with self._connections.one() as connection:
            return bool(WRITE.run(connection, keys, arguments))

    def failure(self, error: Exception) -> lt.SessionError | None:
        if isinstance(error, ResponseError) and str(error).startswith(LOST):
            return lt.SessionError(
                f"{self._place.shown}: it has lost rows of sessions; were they evicted? The server "
                "needs room, and the policy noeviction"
            )
        return session_error(error, self._place.shown)

    def close(self) -> None:
        self._connections.close()

    def _key(self, name: str) -> bytes:
        return self._row + name.encode()

    def __reduce__(self) -> tuple[type[RedisRows], tuple[str]]:
        return type(self), (self._url,)

    def __repr__(self) -> str:
        return self._place.shown
