"""A blob store in memory whose blobs can be damaged, and that says what was done with it."""

from __future__ import annotations

from typing import Any

from attrs import define, field

import longtake as lt
from longtake.testing.memory import memory_store

__all__ = ["RecordingStore"]


@define(eq=False)
class RecordingStore:
    """``put_ids``, ``got_ids``: in the order of the calls. ``damaged``: bytes to give instead."""

    put_ids: list[str] = field(factory=list)
    got_ids: list[str] = field(factory=list)
    damaged: dict[str, bytes] = field(factory=dict)
    _blobs: lt.BlobStore = field(factory=memory_store, init=False)

    def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
        """Keep ``data``. See `longtake.BlobStore.put`."""
        self.put_ids.append(self._blobs.put(data, mime=mime))
        return self.put_ids[-1]

    def get(self, blob_id: str) -> bytes | memoryview:
        """What was put, or what is there instead. See `longtake.BlobStore.get`."""
        self.got_ids.append(blob_id)
        content = self._blobs.get(blob_id)
        return self.damaged.get(blob_id, content)

    def drop(self, blob_id: str) -> None:
        """Forget the blob. See `longtake.BlobStore.drop`."""
        self._blobs.drop(blob_id)

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self._blobs

    def contents(self) -> dict[str, bytes]:
        """Every blob that is still there, as it was put."""
        return {each: bytes(self._blobs.get(each)) for each in self.put_ids if each in self._blobs}
