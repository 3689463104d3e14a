"""A blob store in the memory of this process, for tests and for work that need not outlive it."""

from __future__ import annotations

from typing import NoReturn

from longtake.blobs.ids import abbreviated, check_id, new_id
from longtake.blobs.payload import DEFAULT_MIME, BlobData, check_mime, pieces
from longtake.errors import BlobError, BlobNotFound, InvalidBlobId, ValidationError

__all__ = ["MemoryBlobStore", "open_store"]


def open_store(url: str) -> MemoryBlobStore:
    """A new, empty store for ``memory:``. Raises `ValidationError` when more follows."""
    if url.lower() != "memory:":
        raise ValidationError("blobs", "a memory store has no name; write 'memory:' and no more")
    return MemoryBlobStore()


class MemoryBlobStore:
    """Blobs in a dictionary; they end with the store. `bytes` are kept and given by reference.

    Every operation is one step on the dictionary, so there is no lock that a fork could leave held.
    """

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] | None = {}

    def put(self, data: BlobData, *, mime: str = DEFAULT_MIME) -> str:
        """Keep ``data``, any buffer or iterable of buffers, and return its new id.

        Raises `ValidationError` for data that are not bytes. What an iterable raises passes
        through, and nothing is kept.
        """
        self._open_blobs()
        check_mime(mime)
        content = _as_bytes(data)
        blob_id = new_id()
        self._open_blobs()[blob_id] = content
        return blob_id

    def get(self, blob_id: str) -> bytes:
        """The bytes under ``blob_id``. Raises `BlobNotFound` when absent."""
        blobs = self._open_blobs()
        content = blobs.get(check_id(blob_id))
        if content is None:
            raise BlobNotFound(f"blob {abbreviated(blob_id)}: not in this memory store")
        return content

    def drop(self, blob_id: str) -> None:
        """Forget the blob. Dropping what is absent does nothing."""
        self._open_blobs().pop(check_id(blob_id), None)

    def __contains__(self, blob_id: object) -> bool:
        """Whether the blob is there; False for whatever is not an id."""
        blobs = self._open_blobs()
        try:
            return check_id(blob_id) in blobs
        except InvalidBlobId:
            return False

    def close(self) -> None:
        """Forget every blob. Closing again does nothing; any other use raises `BlobError`."""
        self._blobs = None

    def _open_blobs(self) -> dict[str, bytes]:
        blobs = self._blobs
        if blobs is None:
            raise BlobError("this memory blob store is closed; open another one")
        return blobs

    def __reduce__(self) -> NoReturn:
        raise BlobError(
            "a memory blob store lives in one process and cannot be copied or pickled; "
            "share blobs between processes with a file store"
        )

    def __repr__(self) -> str:
        state = "closed" if self._blobs is None else f"{len(self._blobs)} blobs"
        return f"<MemoryBlobStore, {state}>"


def _as_bytes(data: BlobData) -> bytes:
    if type(data) is bytes:
        return data
    return b"".join([bytes(piece) for piece in pieces(data)])  # one copy of a single buffer
