"""The plugin: three URL schemes, two stores. redis-py is imported when a store is opened."""

from __future__ import annotations

import longtake as lt

LONGTAKE_API = ">=1,<2"

_BLOBS = "longtake_redis.store:open_store"
_SESSIONS = "longtake_redis.sessions:open_store"
_EXAMPLE = "redis://localhost:6379/0"


@lt.hookimpl
def longtake_blob_stores() -> list[lt.BlobBackend]:
    return [
        lt.BlobBackend("redis", _BLOBS, example=_EXAMPLE),
        lt.BlobBackend("rediss", _BLOBS),
        lt.BlobBackend("redis+unix", _BLOBS),
    ]


@lt.hookimpl
def longtake_session_stores() -> list[lt.SessionBackend]:
    return [
        lt.SessionBackend("redis", _SESSIONS, example=_EXAMPLE),
        lt.SessionBackend("rediss", _SESSIONS),
        lt.SessionBackend("redis+unix", _SESSIONS),
    ]
