"""Which rows a store asks its backend for."""

from __future__ import annotations

from collections.abc import Sequence

import longtake as lt
from longtake.testing.sessions.samples import AnySessions

__all__ = ["WatchedRows", "watched"]


class WatchedRows(lt.SessionRows):
    """The rows of another store, and the names of the methods that were called."""

    def __init__(self, rows: lt.SessionRows) -> None:
        self._rows = rows
        self.calls: list[str] = []

    def now(self) -> float:
        return self._rows.now()

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        self.calls.append("read")
        return self._rows.read(keys)

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        self.calls.append("scan")
        return self._rows.scan(start, stop, limit)

    def write(self, change: lt.RowChange) -> bool:
        self.calls.append("write")
        return self._rows.write(change)


def watched(store: AnySessions) -> tuple[AnySessions, list[str]]:
    """The store, and a list of calls that reach its backend; always empty without rows."""
    if not isinstance(store, lt.RowSessionStore):
        return store, []
    rows = WatchedRows(store.rows)
    return type(store)(rows), rows.calls
