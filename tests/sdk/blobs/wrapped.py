"""Stores for tests of what wraps a store, and what lies in them by the wrapper's ids."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import longtake as lt
from longtake.testing import RawBlobs

__all__ = ["Box", "Seen", "Within"]


class Seen:
    """A store, each use of which is noted in ``calls``."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.calls: list[tuple[object, ...]] = []

    def put(self, data: Any, **options: Any) -> str:
        self.calls.append(("put",))
        return str(self._store.put(data, **options))

    def get(self, blob_id: str) -> bytes | memoryview:
        self.calls.append(("get", blob_id))
        content: bytes = self._store.get(blob_id)
        return content

    def drop(self, blob_id: str) -> None:
        self.calls.append(("drop", blob_id))
        self._store.drop(blob_id)

    def pin(self, blob_ids: Iterable[str], owner: str) -> None:
        self.calls.append(("pin",))
        self._store.pin(blob_ids, owner)

    def unpin(self, blob_ids: Iterable[str], owner: str) -> None:
        self.calls.append(("unpin", *blob_ids))
        self._store.unpin(blob_ids, owner)

    def sweep(self, *, limit: int | None = None) -> int:
        return int(self._store.sweep(limit=limit))

    def __contains__(self, blob_id: object) -> bool:
        self.calls.append(("contains", blob_id))
        return blob_id in self._store


class Box(lt.BlobRecords):
    """Records in a dictionary of this process."""

    max_size = 66 * 2**20

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        self.kept[key] = b"".join(pieces)

    def read(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)

    def __reduce__(self) -> Any:
        raise lt.BlobError("a box stands in one process")


class Within(RawBlobs):
    """What lies in the store within, by the ids of the wrapper."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self._kept = kept

    def read(self, blob_id: str) -> bytes:
        return self._kept[inner_id(blob_id)]

    def write(self, blob_id: str, content: bytes) -> None:
        self._kept[inner_id(blob_id)] = content

    @staticmethod
    def of_folder(root: Path) -> RawBlobs:
        return _Folder(root)


class _Folder(RawBlobs):
    """The files of a `FileBlobStore`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, blob_id: str) -> bytes:
        return self._file(blob_id).read_bytes()

    def write(self, blob_id: str, content: bytes) -> None:
        self._file(blob_id).write_bytes(content)

    def _file(self, blob_id: str) -> Path:
        (found,) = self._root.rglob(inner_id(blob_id))
        return found


def inner_id(blob_id: str) -> str:
    """Of the innermost store, which has no hyphens in its ids."""
    return blob_id.partition("-")[0]
