"""What a keeper of records need not say itself."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

import longtake as lt


class LostError(Exception):
    """What the client of a backend raises when there is nobody there."""


class Shelf(lt.BlobRecords):
    """Defines what must be defined, and no more."""

    unavailable = (LostError,)

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.failing: Exception | None = None

    def _check(self) -> None:
        if self.failing is not None:
            raise self.failing

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        self._check()
        self.kept[key] = b"".join(pieces)

    def read(self, key: str) -> bytes | None:
        self._check()
        return self.kept.get(key)

    def delete(self, key: str) -> None:
        self._check()
        self.kept.pop(key, None)


def test_whether_a_record_is_there_follows_from_reading_it() -> None:
    store = lt.RecordBlobStore(Shelf())
    blob_id, empty = store.put(b"abc"), store.put(b"")
    assert blob_id in store
    assert empty in store
    store.drop(blob_id)
    assert blob_id not in store


def test_errors_that_mean_it_is_gone_are_named_and_translated() -> None:
    records = Shelf()
    store = lt.RecordBlobStore(records)
    blob_id = store.put(b"abc")
    records.failing = LostError("nobody answers")
    for use in (lambda: store.put(b"d"), lambda: store.get(blob_id), lambda: blob_id in store):
        with pytest.raises(lt.BlobStoreUnavailable, match="Shelf: nobody answers; try again later"):
            use()
    records.failing = ZeroDivisionError("a fault")
    with pytest.raises(lt.BlobError, match="ZeroDivisionError") as raised:
        store.get(blob_id)
    assert not isinstance(raised.value, lt.BlobStoreUnavailable)
