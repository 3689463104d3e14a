"""The plugin that Longtake itself brings: its own blob stores, through the same door as all."""

from __future__ import annotations

from longtake.blobs.protocol import BlobBackend
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
