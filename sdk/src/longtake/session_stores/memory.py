"""A session store in the memory of this process, for tests and for what need not outlive it."""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NoReturn

from longtake.errors import SessionError, ValidationError
from longtake.session_stores.rows import RowChange, SessionRows
from longtake.session_stores.store import RowSessionStore

__all__ = ["MemoryRows", "open_store"]


def open_store(url: str) -> RowSessionStore:
    """A new, empty store for ``memory:``. Raises `ValidationError` when more follows."""
    if url.lower() != "memory:":
        raise ValidationError("sessions", "a memory store has no name; write 'memory:' and no more")
    return RowSessionStore(MemoryRows())


class MemoryRows(SessionRows):
    """Rows in a dictionary, under one lock; they end with the object."""

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}
        self._keys: list[str] = []
        self._locked = (os.getpid(), threading.Lock())

    def now(self) -> float:
        return time.time()

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        with self._lock:
            return [self._rows.get(key) for key in keys]

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        with self._lock:
            first, end = bisect_left(self._keys, start), bisect_left(self._keys, stop)
            return [(key, self._rows[key]) for key in self._keys[first : min(end, first + limit)]]

    def write(self, change: RowChange) -> bool:
        with self._lock:
            if any(self._rows.get(key) != value for key, value in change.expected.items()):
                return False
            for key in change.deletes:
                if self._rows.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
            for key, value in change.puts.items():
                if key not in self._rows:
                    insort(self._keys, key)
                self._rows[key] = value
            return True

    @property
    def _lock(self) -> threading.Lock:
        """The lock; a new one in a process that was forked, where nobody holds the old one."""
        if self._locked[0] != os.getpid():
            self._locked = (os.getpid(), threading.Lock())
        return self._locked[1]

    def __reduce__(self) -> NoReturn:
        raise SessionError(
            "a memory session store lives in one process and cannot be copied or pickled; "
            "processes share a store such as sqlite:///folder/takes.db"
        )

    def __repr__(self) -> str:
        return f"memory, {len(self._rows)} rows"
