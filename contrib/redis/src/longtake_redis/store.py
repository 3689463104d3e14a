"""How a store is opened by its URL."""

from __future__ import annotations

import longtake as lt
from longtake_redis.records import RedisRecords

__all__ = ["open_store"]

_ANY_ID = "0" * 32


def open_store(url: str) -> lt.RecordBlobStore:
    """The store in the database that ``url`` names; see the README for its forms.

    Raises `ValidationError` for a URL that cannot be used, `BlobStoreUnavailable` when the server
    cannot be reached or refuses the login.
    """
    store = lt.RecordBlobStore(RedisRecords(url))
    bool(_ANY_ID in store)  # a server that cannot be used says so now
    return store
