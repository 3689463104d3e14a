"""The blob stores that commands open."""

from __future__ import annotations

import logging

import click

from longtake.blobs.powers import SupportsClose
from longtake.blobs.protocol import BlobStore
from longtake.errors import BlobError
from longtake.plugins.stores import open_blob_store

__all__ = ["open_store"]

logger = logging.getLogger(__name__)


def open_store(url: str) -> BlobStore:
    """The store at ``url``, which is closed when the command ends, also by an error.

    Raises like `open_blob_store`.
    """
    store = open_blob_store(url)
    if isinstance(store, SupportsClose):
        click.get_current_context().call_on_close(lambda: _close(store))
    return store


def _close(store: SupportsClose) -> None:
    """What was put is safe already, so an error costs nothing, least of all the command's own."""
    try:
        store.close()
    except BlobError as error:
        logger.warning("a blob store could not be closed: %s", error)
