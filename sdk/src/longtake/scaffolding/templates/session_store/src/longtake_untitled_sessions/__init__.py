"""A session store for Longtake, in one SQLite file: ``untitled:///absolute/path/sessions.db``."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import longtake as lt


class UntitledRows(lt.SessionRows):
    unavailable = (sqlite3.OperationalError,)  # the file is locked, gone, or the disk is full

    def __init__(self, url: str) -> None:
        self._path = lt.local_path(url, what="sessions")

    def now(self) -> float:
        return time.time()  # whoever uses the file is on this machine

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        with self._transaction("DEFERRED") as database:
            return [_row(database, key) for key in keys]

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        wanted = "SELECT * FROM entries WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
        with self._transaction("DEFERRED") as database:
            return database.execute(wanted, (start, stop, limit)).fetchall()

    def write(self, change: lt.RowChange) -> bool:
        with self._transaction("IMMEDIATE") as database:  # others wait until it is over
            if any(_row(database, key) != value for key, value in change.expected.items()):
                return False
            deleted = [(key,) for key in change.deletes]
            database.executemany("DELETE FROM entries WHERE key = ?", deleted)
            database.executemany("REPLACE INTO entries VALUES (?, ?)", change.puts.items())
        return True

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=20, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = EXTRA")  # stable when this returns
            database.execute("CREATE TABLE IF NOT EXISTS entries (key PRIMARY KEY, content)")
            database.execute(f"BEGIN {kind}")
            with database:  # commits, or rolls back
                yield database


def _row(database: sqlite3.Connection, key: str) -> bytes | None:
    found = database.execute("SELECT content FROM entries WHERE key = ?", (key,)).fetchone()
    return None if found is None else found[0]


@lt.hookimpl
def longtake_session_stores() -> list[lt.SessionBackend]:
    return [lt.SessionBackend("untitled", lambda url: lt.RowSessionStore(UntitledRows(url)))]
