"""Opening a blob store by its URL, with the plugin whose scheme it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError
from longtake.plugins.registry import Registry
from longtake.schema.references import resolve

__all__ = ["open_blob_store", "watch_blob_stores"]

_watchers: dict[int, list[BlobStore]] = {}


@contextmanager
def watch_blob_stores() -> Iterator[list[BlobStore]]:
    """A list of the stores that `open_blob_store` opens until the block is left, for tests."""
    opened: list[BlobStore] = []
    _watchers[id(opened)] = opened
    try:
        yield opened
    finally:
        del _watchers[id(opened)]


def open_blob_store(url: str, *, registry: Registry | None = None) -> BlobStore:
    """Open a blob store by URL: ``memory:``, ``file:///folder``, or any scheme a plugin provides.

    Raises `ValidationError` for something that is not a URL, `UnknownNameError` for a scheme that
    nobody provides, `BlobStoreUnavailable` when the store cannot be reached.
    """
    from longtake.schema.texts import check_texts

    check_texts(url, "blobs")
    scheme, separator, _ = url.partition(":")
    if not separator or not scheme:
        from longtake.blobs.urls import masked_url  # late: listings do without

        raise ValidationError("blobs", f"{masked_url(url)!r} is not a URL such as 'file:///folder'")
    backend = (registry or Registry.default()).blob_backend(scheme.lower())
    opener: Any = resolve(backend.open)
    store: BlobStore = opener(url)
    for opened in tuple(_watchers.values()):
        opened.append(store)
    return store
