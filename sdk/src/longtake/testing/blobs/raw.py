"""The stored bytes behind a store's protocol, for tests that damage them and count what lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import longtake as lt
from longtake.testing.blobs.samples import skip

__all__ = ["FileRaw", "RawBlobs", "RecordRaw", "default_raw", "names_in"]

_WITHOUT = "define the fixture `raw`, which gives a `longtake.testing.RawBlobs`"


class RawBlobs(ABC):
    """What lies in a store, past its protocol."""

    @abstractmethod
    def read(self, blob_id: str) -> bytes:
        """All that is stored for a blob, joined: also headers and the like."""

    @abstractmethod
    def write(self, blob_id: str, content: bytes) -> None:
        """Make ``content`` what is stored for the blob, which is there. Called after `read`."""

    def names(self) -> set[str] | None:
        """A name of everything that lies in the store: the id, for what belongs to a whole blob.

        Also temporary files, pieces without a manifest and the like, each under any name that is
        no blob's id. None when there is no list, by default.
        """
        return None


class RecordRaw(RawBlobs):
    """The records of a `longtake.RecordBlobStore`."""

    def __init__(self, records: lt.BlobRecords) -> None:
        self._records = records

    def read(self, blob_id: str) -> bytes:
        record = self._records.read(blob_id)
        assert record is not None, "there is no such record"
        return bytes(record)

    def write(self, blob_id: str, content: bytes) -> None:
        self._records.delete(blob_id)
        self._records.write(blob_id, iter([content]))


class FileRaw(RawBlobs):
    """The files of a store that says where they are."""

    def __init__(self, store: lt.SupportsPath) -> None:
        self._store = store
        self._paths: dict[str, Path] = {}

    def read(self, blob_id: str) -> bytes:
        self._paths[blob_id] = self._store.path(blob_id).path
        return self._paths[blob_id].read_bytes()

    def write(self, blob_id: str, content: bytes) -> None:
        self._paths[blob_id].write_bytes(content)


def names_in(raw: RawBlobs) -> set[str]:
    """``raw.names()``; skips the test where there is no list."""
    names = raw.names()
    if names is None:
        skip(f"what lies in the store is not listed: {_WITHOUT} with `names`")
    return names


def default_raw(store: lt.BlobStore) -> RawBlobs:
    """What lies in the store, as far as its powers tell; skips the test where they do not."""
    if isinstance(store, lt.RecordBlobStore):
        return RecordRaw(store.records)
    if isinstance(store, lt.SupportsPath):
        return FileRaw(store)
    return skip(f"what the store keeps cannot be reached: {_WITHOUT}")
