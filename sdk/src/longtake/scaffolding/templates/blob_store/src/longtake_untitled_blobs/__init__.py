"""A blob store for Longtake, in one SQLite file: ``untitled:///absolute/path/blobs.db``."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing

import longtake as lt


class UntitledRecords(lt.BlobRecords):
    unavailable = (sqlite3.OperationalError,)  # the file is locked, gone, or the disk is full

    def __init__(self, url: str) -> None:
        self._path = lt.local_path(url)

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        self._run("INSERT INTO records VALUES (?, ?)", key, b"".join(pieces))

    def read(self, key: str) -> bytes | None:
        return self._run("SELECT content FROM records WHERE key = ?", key)

    def delete(self, key: str) -> None:
        self._run("DELETE FROM records WHERE key = ?", key)

    def _run(self, statement: str, *values: str | bytes) -> bytes | None:
        with closing(sqlite3.connect(self._path, timeout=20, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = EXTRA")  # stable when this returns
            database.execute("CREATE TABLE IF NOT EXISTS records (key PRIMARY KEY, content)")
            return next((row[0] for row in database.execute(statement, values)), None)


@lt.hookimpl
def longtake_blob_stores() -> list[lt.BlobBackend]:
    return [lt.BlobBackend("untitled", lambda url: lt.RecordBlobStore(UntitledRecords(url)))]
