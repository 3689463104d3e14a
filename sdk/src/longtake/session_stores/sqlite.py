"""A session store in one SQLite file, which several processes of one machine share."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from operator import attrgetter
from urllib.parse import unquote_to_bytes

from longtake.blobs.urls import local_path
from longtake.errors import (
    SessionError,
    SessionStoreFull,
    SessionStoreUnavailable,
    ValidationError,
)
from longtake.session_stores.rows import RowChange, SessionRows, Translating
from longtake.session_stores.store import RowSessionStore

__all__ = ["SqliteRows", "file_of", "open_store"]

_MODE = 0o600
_BUSY_SECONDS = 30.0
_RETRY_SECONDS = 0.02
_APPLICATION_ID = 0x4C54414B  # "LTAK"
_FORMAT = 1
_KEYS_AT_ONCE = 500
"""Of the 999 variables that every build of SQLite allows in a statement."""
_REPLACE = "UPDATE rows SET value = ? WHERE key = ? AND value = ?"
_PUT = (
    "INSERT INTO rows (key, value) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_FULL = frozenset({sqlite3.SQLITE_FULL})
_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def open_store(url: str) -> RowSessionStore:
    """The store in the file that ``sqlite:///absolute/path`` or ``sqlite:path`` names.

    The file is made when it is not there. Raises `ValidationError` for another form, and
    `SessionError` for a file that is something else.
    """
    rows = SqliteRows(file_of(url))
    with Translating(rows):
        rows.read([])  # a file that cannot be used says so now
    return RowSessionStore(rows)


def file_of(url: str) -> str:
    """The absolute path that a URL names, be it there or not. Raises as `open_store`."""
    scheme, _, rest = url.partition(":")
    if rest.startswith("//"):
        path = local_path(url, scheme="sqlite", what="sessions")
    else:
        path = os.fsdecode(unquote_to_bytes(rest))
    if not path or "\0" in path or "?" in rest or "#" in rest:
        form = "'sqlite:///absolute/path.db' or 'sqlite:relative/path.db', percent-encoded"
        raise ValidationError("sessions", f"a {scheme} store is {form}")
    return os.path.abspath(path)


_identity = attrgetter("st_dev", "st_ino")
"""Of a file, as `os.path.samestat` compares it."""


class _Opened:
    """An open connection, and which file it is to."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._path = path
        self._file = _identity(os.stat(path))

    def check_is_there(self) -> None:
        """Raises `OSError` when the file was removed or replaced: SQLite would go on without it."""
        if _identity(os.stat(self._path)) != self._file:
            raise FileNotFoundError(
                errno.ENOENT, "the file was replaced while it was open; open the store again"
            )


_of_parents: list[object] = []
"""Connections that a forked process has from its parent: closing one would harm the file."""


class SqliteRows(SessionRows):
    """Rows in the file ``path``, write-ahead logged, every change flushed to the disk.

    A thread that writes waits at most 30 s for the others. Pickled, it is its path.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened: _Opened | None = None
        self._lock = threading.RLock()
        self._pid = os.getpid()

    def now(self) -> float:
        return time.time()  # whoever uses the file is on this machine

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        with self._own_lock(), _transaction(connection := self._ready(), "BEGIN"):
            for first in range(0, len(keys), _KEYS_AT_ONCE):
                some = keys[first : first + _KEYS_AT_ONCE]
                marks = ",".join("?" * len(some))
                asked = f"SELECT key, value FROM rows WHERE key IN ({marks})"
                found.update(connection.execute(asked, some).fetchall())
        return [found.get(key) for key in keys]

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        asked = "SELECT key, value FROM rows WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
        with self._own_lock():
            return self._ready().execute(asked, (start, stop, limit)).fetchall()

    def write(self, change: RowChange) -> bool:
        with self._own_lock():
            connection = self._ready()
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = _make(connection, change)
                connection.execute("COMMIT" if done else "ROLLBACK")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        return done

    def failure(self, error: Exception) -> SessionError | None:
        if isinstance(error, OSError):
            return SessionStoreUnavailable(f"{self._path}: {error.strerror or error}")
        if not isinstance(error, sqlite3.Error):
            return None
        code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else None
        if code in _FULL:
            return SessionStoreFull(f"{self._path}: {error}; make room, and try again")
        if code in _AWAY:
            return SessionStoreUnavailable(
                f"{self._path}: {error}; this process needs to read and write the file and its "
                "folder, and others may hold it: try again later"
            )
        return SessionError(f"{self._path}: {error}; it is no session store, or is damaged")

    def close(self) -> None:
        if self._pid != os.getpid():
            return  # what a parent has opened is not closed here
        with self._lock:
            if self._opened is not None:
                self._opened.connection.close()
            self._opened = None

    def _own_lock(self) -> threading.RLock:
        """Lets one thread of this process at a time use its connection."""
        if self._pid != os.getpid():  # forked: neither lock nor connection may be used here
            _of_parents.append(self._opened)
            self._pid, self._lock, self._opened = os.getpid(), threading.RLock(), None
        return self._lock

    def _ready(self) -> sqlite3.Connection:
        """The connection, for who has the lock."""
        if self._opened is None:
            self._opened = _Opened(self._path, _open(self._path))
        self._opened.check_is_there()
        return self._opened.connection

    def __reduce__(self) -> tuple[type[SqliteRows], tuple[str]]:
        return type(self), (self._path,)

    def __repr__(self) -> str:
        return f"sqlite file {self._path}"


def _make(connection: sqlite3.Connection, change: RowChange) -> bool:
    """Make the change in the transaction that is begun; False when a row is not as expected."""
    puts = dict(change.puts)
    for key, value in change.expected.items():
        if value is not None and key in puts:  # both by one statement
            replaced = connection.execute(_REPLACE, (puts.pop(key), key, value))
            if replaced.rowcount != 1:
                return False
            continue
        row = connection.execute("SELECT value FROM rows WHERE key = ?", (key,)).fetchone()
        if (None if row is None else row[0]) != value:
            return False
    deletes = [(key,) for key in change.deletes if key not in change.puts]
    if deletes:
        connection.executemany("DELETE FROM rows WHERE key = ?", deletes)
    connection.executemany(_PUT, puts.items())
    return True


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """One transaction, rolled back when the block raises."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _open(path: str) -> sqlite3.Connection:
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _MODE))
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    with _transaction(connection, "BEGIN"):
        _is_ours(connection)  # before anything of it is changed
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    with _transaction(connection, "BEGIN IMMEDIATE"):
        if _is_ours(connection):
            return
        connection.execute("CREATE TABLE rows (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL)")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_FORMAT}")


def _is_ours(connection: sqlite3.Connection) -> bool:
    """False for an empty file, which becomes ours; raises for another's. In a transaction."""
    application, version, tables = (
        connection.execute(asked).fetchone()[0]
        for asked in (
            "PRAGMA application_id",
            "PRAGMA user_version",
            "SELECT count(*) FROM sqlite_master",
        )
    )
    if (application, version, tables) == (0, 0, 0):
        return False
    if application != _APPLICATION_ID:
        raise sqlite3.DatabaseError("the file is a database of another application")
    if version != _FORMAT:
        raise sqlite3.DatabaseError(
            f"the file was written by another release of Longtake (format {version}); this one "
            f"reads {_FORMAT}"
        )
    return True


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switching does not wait for a process that writes, whatever the time-out is; so this does."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > deadline:
                raise
        else:
            if mode == "wal":
                return
            raise sqlite3.OperationalError(f"the file system allows no write-ahead log ({mode})")
        time.sleep(_RETRY_SECONDS)
