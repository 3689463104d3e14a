"""Which blob stores a test opened, and which of them are still open."""

from __future__ import annotations

from collections.abc import Iterable

import longtake as lt
from longtake import watch_blob_stores as watched_stores

__all__ = ["open_ones", "watched_stores"]


def open_ones(stores: Iterable[lt.BlobStore]) -> list[str]:
    """Those that can be closed and are not, in words."""
    return [repr(store) for store in stores if isinstance(store, lt.SupportsClose) and _open(store)]


def _open(store: lt.BlobStore) -> bool:
    try:
        return "" in store or True
    except lt.BlobError:
        return False
