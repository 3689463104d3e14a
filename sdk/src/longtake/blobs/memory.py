"""A blob store in the memory of this process, for tests and for work that need not outlive it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NoReturn

from attrs import define, field

from longtake.blobs.ids import abbreviated, check_id, new_id
from longtake.blobs.leases import check_lease, check_limit, check_owner
from longtake.blobs.payload import DEFAULT_MIME, BlobData, check_mime, pieces
from longtake.errors import BlobError, BlobNotFound, InvalidBlobId, ValidationError

__all__ = ["MemoryBlobStore", "MemoryLeases", "open_store"]


def open_store(url: str) -> MemoryBlobStore:
    """A new, empty store for ``memory:``. Raises `ValidationError` when more follows."""
    if url.lower() != "memory:":
        raise ValidationError("blobs", "a memory store has no name; write 'memory:' and no more")
    return MemoryBlobStore()


class MemoryBlobStore:
    """Blobs in a dictionary; they end with the store. `bytes` are kept and given by reference.

    What concerns no lease is one step on the dictionary, without a lock.
    """

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] | None = {}
        self._leases = MemoryLeases()

    def put(
        self, data: BlobData, *, mime: str = DEFAULT_MIME, lease_seconds: float | None = None
    ) -> str:
        """Keep ``data``, any buffer or iterable of buffers, and return its new id.

        ``lease_seconds``: as `SupportsLeases.put`. Raises `ValidationError` for data that are not
        bytes. What an iterable raises passes through, and nothing is kept.
        """
        self._open_blobs()
        check_mime(mime)
        check_lease(lease_seconds)
        content = _as_bytes(data)
        blob_id = new_id()
        if lease_seconds is not None:
            with self._leases.lock:
                self._leases.grant(blob_id, lease_seconds)
                self._open_blobs()[blob_id] = content
        else:
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
        if self._open_blobs().pop(check_id(blob_id), None) is not None:
            with self._leases.lock:
                self._leases.forget(blob_id)

    def pin(self, blob_ids: Iterable[str], owner: str) -> None:
        """Keep the blobs for ``owner``; all or none. Raises as `SupportsLeases.pin`."""
        self._open_blobs()
        check_owner(owner)
        wanted = [check_id(blob_id) for blob_id in blob_ids]
        with self._leases.lock:
            for blob_id in wanted:
                self.get(blob_id)
            self._leases.add(wanted, owner)

    def unpin(self, blob_ids: Iterable[str], owner: str) -> None:
        """``owner`` needs the blobs no longer; what is gone is passed over."""
        self._open_blobs()
        check_owner(owner)
        wanted = [check_id(blob_id) for blob_id in blob_ids]
        with self._leases.lock:
            self._leases.remove(wanted, owner)

    def sweep(self, *, limit: int | None = None) -> int:
        """Drop blobs whose lease is over and that nobody pins. As `SupportsLeases.sweep`."""
        blobs = self._open_blobs()
        check_limit(limit)
        with self._leases.lock:
            over = list(islice(self._leases.over(), limit))
            for blob_id in over:
                blobs.pop(blob_id, None)
                self._leases.forget(blob_id)
        return len(over)

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


@define
class _Lease:
    until: float
    owners: set[str] = field(factory=set)


class MemoryLeases:
    """Who needs which blob, and until when. Hold `lock` for everything."""

    def __init__(self) -> None:
        self._leases: dict[str, _Lease] = {}
        self._lock = (os.getpid(), threading.Lock())

    @property
    def lock(self) -> threading.Lock:
        """The lock; a new one in a process that was forked, where nobody holds the old one."""
        if self._lock[0] != os.getpid():
            self._lock = (os.getpid(), threading.Lock())
        return self._lock[1]

    def grant(self, blob_id: str, seconds: float) -> None:
        """Let a lease of the new blob begin now."""
        self._leases[blob_id] = _Lease(time.monotonic() + seconds)

    def forget(self, blob_id: str) -> None:
        """The blob is gone."""
        self._leases.pop(blob_id, None)

    def add(self, blob_ids: Iterable[str], owner: str) -> None:
        """``owner`` pins those blobs that have a lease; the others are kept anyway."""
        for blob_id in blob_ids:
            if (lease := self._leases.get(blob_id)) is not None:
                lease.owners.add(owner)

    def remove(self, blob_ids: Iterable[str], owner: str) -> None:
        """``owner`` no longer pins them."""
        for blob_id in blob_ids:
            if (lease := self._leases.get(blob_id)) is not None:
                lease.owners.discard(owner)

    def over(self) -> Iterator[str]:
        """Blobs whose lease is over and that nobody pins."""
        now = time.monotonic()
        for blob_id, lease in tuple(self._leases.items()):
            if not lease.owners and lease.until <= now:
                yield blob_id
