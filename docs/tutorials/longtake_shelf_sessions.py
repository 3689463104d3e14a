"""Sessions in one file, which several processes of a machine share."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import longtake as lt


class ShelfRows(lt.SessionRows):
    """Rows in the JSON file ``path``, which every change replaces. Pickled, it is its path."""

    def __init__(self, path: str) -> None:
        self._path = path

    def now(self) -> float:
        return time.time()  # whoever uses the file is on this machine

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        rows = self._rows()
        return [rows.get(key) for key in keys]

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        rows = self._rows()
        return [(key, rows[key]) for key in sorted(rows) if start <= key < stop][:limit]

    def write(self, change: lt.RowChange) -> bool:
        with self._alone():
            rows = self._rows()
            if any(rows.get(key) != value for key, value in change.expected.items()):
                return False
            kept = {key: value for key, value in rows.items() if key not in change.deletes}
            self._replace({**kept, **change.puts})
        return True

    def failure(self, error: Exception) -> lt.SessionError | None:
        if not isinstance(error, OSError):
            return None
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind = lt.SessionStoreFull if full else lt.SessionStoreUnavailable
        return kind(f"{self._path}: {error.strerror}")

    def __repr__(self) -> str:
        return f"shelf {self._path}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A kill lets go of the lock, too."""
        with open(f"{self._path}.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _rows(self) -> dict[str, bytes]:
        try:
            with open(self._path, "rb") as file:
                return {key: text.encode("latin-1") for key, text in json.load(file).items()}
        except FileNotFoundError:
            return {}

    def _replace(self, rows: dict[str, bytes]) -> None:
        with open(f"{self._path}.new", "w") as file:
            json.dump({key: value.decode("latin-1") for key, value in rows.items()}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{self._path}.new", self._path)


def open_sessions(url: str) -> lt.SessionStore:
    """The store in the file that ``shelf:///path`` names."""
    return lt.RowSessionStore(ShelfRows(lt.local_path(url, scheme="shelf", what="sessions")))


@lt.hookimpl
def longtake_session_stores() -> list[lt.SessionBackend]:
    return [lt.SessionBackend("shelf", "longtake_shelf_sessions:open_sessions")]
