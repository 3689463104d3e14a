"""The plugin that Longtake itself brings: its own stores and dispatcher, by the door of all."""

from __future__ import annotations

from longtake.blobs.protocol import BlobBackend
from longtake.dispatchers import DispatcherBackend
from longtake.hookspecs import hookimpl
from longtake.session_stores.backend import SessionBackend

LONGTAKE_API = ">=1,<2"


@hookimpl
def longtake_blob_stores() -> list[BlobBackend]:
    return [
        BlobBackend("memory", "longtake.blobs.memory:open_store"),
        BlobBackend("file", "longtake.blobs.file.store:open_store"),
    ]


@hookimpl
def longtake_session_stores() -> list[SessionBackend]:
    return [
        SessionBackend("memory", "longtake.session_stores.memory:open_store"),
        SessionBackend("sqlite", "longtake.session_stores.sqlite:open_store"),
    ]


@hookimpl
def longtake_dispatchers() -> list[DispatcherBackend]:
    return [DispatcherBackend("inprocess", "longtake.dispatch.inprocess:open_dispatcher")]
