"""A store whose calls to its backend are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field

import longtake as lt
from longtake.testing.blobs.samples import AnyStore

__all__ = ["WatchedStore", "default_watched", "watched_records"]


@define
class WatchedStore:
    """A store and what reached its backend so far, as far as that can be seen.

    ``calls``: name and arguments of each. ``keys``: under which the puts wrote, the last one last.
    """

    store: AnyStore
    calls: list[tuple[object, ...]] = field(factory=list)
    keys: list[str] = field(factory=list)


class _WatchedRecords(lt.BlobRecords):
    """Records, each call of which is told to ``tell`` first."""

    def __init__(self, records: lt.BlobRecords, tell: Callable[..., None]) -> None:
        self._records = records
        self._tell = tell
        self.max_size = records.max_size

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        self._tell("write", key)
        self._records.write(key, pieces)

    def read(self, key: str) -> bytes | memoryview | None:
        self._tell("read", key)
        return self._records.read(key)

    def read_slice(self, key: str, start: int, stop: int | None) -> bytes | memoryview | None:
        self._tell("read_slice", key, start, stop)
        return self._records.read_slice(key, start, stop)

    def delete(self, key: str) -> None:
        self._tell("delete", key)
        self._records.delete(key)

    def has(self, key: str) -> bool:
        self._tell("has", key)
        return self._records.has(key)

    def failure(self, error: Exception) -> lt.BlobError | None:
        return self._records.failure(error)

    def __repr__(self) -> str:
        return repr(self._records)


def watched_records(store: lt.BlobStore, tell: Callable[..., None]) -> lt.RecordBlobStore | None:
    """Another `longtake.RecordBlobStore` over the same records; None for any other store."""
    if type(store) is not lt.RecordBlobStore:
        return None
    return lt.RecordBlobStore(_WatchedRecords(store.records, tell))


def default_watched(store: AnyStore) -> WatchedStore:
    """Of a `longtake.RecordBlobStore`, every call is seen; of others, none."""
    seen = WatchedStore(store)

    def tell(method: str, key: str, *arguments: object) -> None:
        seen.calls.append((method, key, *arguments))
        if method == "write":
            seen.keys.append(key)

    seen.store = watched_records(store, tell) or store
    return seen
