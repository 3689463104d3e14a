"""The blob stores that commands open."""

from __future__ import annotations

import click

from longtake.blobs.powers import SupportsClose
from longtake.blobs.protocol import BlobStore
from longtake.registry import open_blob_store

__all__ = ["open_store"]


def open_store(url: str) -> BlobStore:
    """The store at ``url``, which is closed when the command ends, also by an error.

    Raises like `open_blob_store`.
    """
    store = open_blob_store(url)
    if isinstance(store, SupportsClose):
        click.get_current_context().call_on_close(store.close)
    return store
