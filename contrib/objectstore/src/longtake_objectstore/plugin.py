"""The plugin: three URL schemes, one store. obstore is imported when a store is opened."""

from __future__ import annotations

import longtake as lt

LONGTAKE_API = ">=1,<2"

_OPEN = "longtake_objectstore.store:open_store"


@lt.hookimpl
def longtake_blob_stores() -> list[lt.BlobBackend]:
    return [lt.BlobBackend(scheme, _OPEN) for scheme in ("s3", "gs", "az")]
