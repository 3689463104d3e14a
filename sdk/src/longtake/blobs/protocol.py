"""What a blob store must do, and how a plugin declares one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from longtake.schema import declared
from longtake.schema.frozen import Frozen

if TYPE_CHECKING:
    from longtake.blobs.payload import BlobData

__all__ = ["BlobBackend", "BlobStore"]


@runtime_checkable
class BlobStore(Protocol):
    """Immutable bytes under unguessable ids. Every method may be called from any thread.

    Errors are `longtake.BlobError` and its subclasses; a client library's own never leak.
    """

    def put(self, data: BlobData, *, mime: str = "application/octet-stream") -> str:
        """Store ``data``, any buffer or iterable of buffers, and return its new id.

        Returns when the blob is whole, visible to every handle, and (if the store is durable) on
        stable storage; until then no reader sees any of it. Ids are unguessable and unrelated to
        the content. Empty data is legal, and the buffers may be changed afterwards. Raises
        `ValidationError` for what is not bytes, `BlobTooLarge`, `BlobStoreFull`, and
        `BlobStoreUnavailable` in bounded time. What an iterable raises passes through. Whatever is
        raised, nothing is kept.
        """
        ...

    def get(self, blob_id: str) -> bytes | memoryview:
        """The bytes under ``blob_id``, read-only.

        They stay valid when the blob is dropped. Raises `longtake.BlobNotFound` (a `KeyError`) when
        absent, `longtake.InvalidBlobId` before anything is looked for when it is no id of this
        store, `longtake.BlobCorrupt` when the stored bytes are not the ones that were put.
        """
        ...

    def drop(self, blob_id: str) -> None:
        """Forget the blob. Dropping what is absent does nothing."""
        ...

    def __contains__(self, blob_id: object) -> bool:
        """Whether the blob is there. Any object may be asked about."""
        ...


class BlobBackend(Frozen):
    """A kind of blob store that a plugin provides under a URL scheme.

    ``open`` is a callable, or its ``"package.module:attribute"`` name, that takes the whole URL
    (``file:///var/blobs``) and returns a `BlobStore`; it raises `ValidationError` for a URL that
    it cannot use. ``example``: a URL where such a store is usually found, which ``longtake doctor``
    tries; empty when there is no such place.
    """

    __slots__ = ("scheme", "open", "example")

    def __init__(
        self, scheme: str, open: str | Callable[[str], BlobStore], example: str = ""
    ) -> None:
        self.scheme: Final = scheme
        self.open: Final = open
        self.example: Final = example
        declared.name(self, "scheme")
        declared.target(self, "open")
        declared.text(self, "example")
