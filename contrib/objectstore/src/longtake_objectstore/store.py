"""How a store is opened by its URL."""

from __future__ import annotations

import longtake as lt
from longtake_objectstore.records import ObjectRecords

__all__ = ["open_store"]


def open_store(url: str) -> lt.RecordBlobStore:
    """The store in the bucket's folder that ``url`` names; see the README for its forms.

    Sends nothing yet: a bucket that cannot be used shows at the first use. Raises
    `ValidationError` for a URL or a configuration that cannot be used.
    """
    return lt.RecordBlobStore(ObjectRecords(url))
