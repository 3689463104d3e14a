"""What a blob store must do, and how a plugin declares one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from attrs import frozen

__all__ = ["BlobBackend", "BlobStore"]


@runtime_checkable
class BlobStore(Protocol):
    """Immutable bytes under unguessable ids. Every method may be called from any thread.

    Errors are `longtake.BlobError` and its subclasses; a client library's own never leak.
    """

    def put(self, data: bytes, *, mime: str = "application/octet-stream") -> str:
        """Store ``data`` and return its new id.

        Returns when the blob is whole, visible to every handle, and (if the store is durable) on
        stable storage; until then no reader sees any of it. Ids are unguessable and unrelated to
        the content. Empty data is legal.
        """
        ...

    def get(self, blob_id: str) -> bytes | memoryview:
        """The bytes under ``blob_id``, read-only.

        Raises `longtake.BlobNotFound` (a `KeyError`) when absent, `longtake.BlobCorrupt` when the
        stored bytes are not the ones that were put.
        """
        ...

    def drop(self, blob_id: str) -> None:
        """Forget the blob. Dropping what is absent does nothing."""
        ...

    def __contains__(self, blob_id: object) -> bool:
        """Whether the blob is there. Any object may be asked about."""
        ...


@frozen
class BlobBackend:
    """A kind of blob store that a plugin provides under a URL scheme.

    ``open`` is a callable, or its ``"package.module:attribute"`` name, that takes the whole URL
    (``file:///var/blobs``) and returns a `BlobStore`; it raises `ValidationError` for a URL that
    it cannot use.
    """

    scheme: str
    open: str | Callable[[str], BlobStore]
