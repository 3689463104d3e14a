"""The plugin: three URL schemes, one store. redis-py is imported when a store is opened."""

from __future__ import annotations

import longtake as lt

LONGTAKE_API = ">=1,<2"

_OPEN = "longtake_redis.store:open_store"


@lt.hookimpl
def longtake_blob_stores() -> list[lt.BlobBackend]:
    return [
        lt.BlobBackend("redis", _OPEN, example="redis://localhost:6379/0"),
        lt.BlobBackend("rediss", _OPEN),
        lt.BlobBackend("redis+unix", _OPEN),
    ]
