"""Stores that a test left open are found, those that have nothing to close are not."""

from __future__ import annotations

from typing import Any

import longtake as lt
from longtake.testing.leaks import open_ones


class Unclosable:
    """A store that has nothing to close."""

    def put(self, data: Any, *, mime: str = "") -> str:
        return ""

    def get(self, blob_id: str) -> bytes:
        return b""

    def drop(self, blob_id: str) -> None:
        """Nothing to forget."""

    def __contains__(self, blob_id: object) -> bool:
        return False


def test_only_stores_that_can_be_closed_leak() -> None:
    store: Any = lt.open_blob_store("memory:")
    assert open_ones([Unclosable(), store]) == ["<MemoryBlobStore, 0 blobs>"]
    store.close()
    assert open_ones([store]) == []
