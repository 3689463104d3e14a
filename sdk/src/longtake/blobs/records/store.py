"""A blob store over anything that keeps whole records of bytes under keys.

What all stores have in common is here: ids, checks of what comes in, the seal that makes damage
visible, errors, closing. What differs is a `BlobRecords`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from typing import Any, ClassVar

from longtake.blobs.failures import storage_error
from longtake.blobs.hashing import HashWorkers
from longtake.blobs.ids import abbreviated, check_id, is_id, new_id
from longtake.blobs.payload import DEFAULT_MIME, BlobData, check_mime, held_pieces
from longtake.blobs.powers import BlobStat, SupportsListing, SupportsRenewal, check_range
from longtake.blobs.records.backend import BlobRecords
from longtake.blobs.records.seal import FOOTER_SIZE, SealedPieces, decode_seal
from longtake.errors import BlobCorrupt, BlobError, BlobNotFound, InvalidBlobId

__all__ = ["RecordBlobStore"]


class RecordBlobStore:
    """The `BlobStore` whose blobs are ``records``, for any number of threads.

    A record is the blob's bytes followed by a seal of 384 bytes: their size, digest and mime type,
    bound to the id. Pickled, it is its records. Where these have `SupportsRenewal` or
    `SupportsListing`, the store has it, too.
    """

    _opened_as: ClassVar[Any]

    def __new__(cls, records: BlobRecords) -> Any:
        kind: Any = cls  # mypy takes no class that has __contains__ for hashable
        return object.__new__(
            _with(kind, isinstance(records, SupportsRenewal), isinstance(records, SupportsListing))
        )

    def __init__(self, records: BlobRecords) -> None:
        self._records = records
        self._hashing = HashWorkers()
        self._closed = False

    @property
    def records(self) -> BlobRecords:
        """Where the records are."""
        return self._records

    def put(self, data: BlobData, *, mime: str = DEFAULT_MIME) -> str:
        """Store ``data``, any buffer or iterable of buffers, and return its new id.

        Raises `ValidationError` for data that are not bytes, `BlobTooLarge`, `BlobStoreFull` and
        `BlobStoreUnavailable`. What an iterable raises passes through. Whatever is raised, nothing
        is kept.
        """
        self._check_open()
        check_mime(mime)
        blob_id = new_id()
        with held_pieces(data) as pieces:
            sealed = SealedPieces(pieces, blob_id, mime, self._records.max_size, self._hashing)
            with closing(sealed.record()) as record:
                self._write(blob_id, sealed, record)
        return blob_id

    def get(self, blob_id: str) -> bytes | memoryview:
        """The bytes under ``blob_id``, read-only, held against their digest.

        Raises `BlobNotFound`, `BlobCorrupt` and `BlobStoreUnavailable`.
        """
        self._check_open()
        check_id(blob_id)
        with self._translated():
            record = self._records.read(blob_id)
        if record is None:
            raise self._missing(blob_id)
        view = memoryview(record).toreadonly()
        stat = decode_seal(bytes(view[-FOOTER_SIZE:]), blob_id, FOOTER_SIZE)
        payload = view[:-FOOTER_SIZE]
        if len(payload) != stat.size or hashlib.sha256(payload).digest() != stat.sha256:
            raise BlobCorrupt(
                f"blob {abbreviated(blob_id)}: its bytes are not the ones that were put"
            )
        return payload

    def stat(self, blob_id: str) -> BlobStat:
        """Size, digest, mime type and time of the blob, without its bytes. Raises like `get`."""
        return decode_seal(bytes(self._slice(blob_id, -FOOTER_SIZE, None)), blob_id, FOOTER_SIZE)

    def get_range(self, blob_id: str, start: int, stop: int) -> bytes | memoryview:
        """Bytes ``start`` to ``stop`` of the blob, as far as there are; not held against a digest.

        Raises `ValidationError` unless ``0 <= start <= stop``, else like `get`.
        """
        check_range(start, stop)
        stop = min(stop, self.stat(blob_id).size)
        if start >= stop:
            return b""
        part = memoryview(self._slice(blob_id, start, stop)).toreadonly()
        if len(part) != stop - start:
            raise BlobCorrupt(f"blob {abbreviated(blob_id)}: some of its bytes are missing")
        return part

    def drop(self, blob_id: str) -> None:
        """Forget the blob. Dropping what is absent does nothing."""
        self._check_open()
        check_id(blob_id)
        with self._translated():
            self._records.delete(blob_id)

    def __contains__(self, blob_id: object) -> bool:
        """Whether the blob is there; False for whatever is not an id."""
        self._check_open()
        try:
            key = check_id(blob_id)
        except InvalidBlobId:
            return False
        with self._translated():
            return self._records.has(key)

    def close(self) -> None:
        """Close the records. Closing again does nothing; any other use raises `BlobError`."""
        if not self._closed:
            self._closed = True
            self._hashing.close()
            with self._translated():
                self._records.close()

    def _check_open(self) -> None:
        if self._closed:
            raise BlobError(f"the blob store over {self._records!r} is closed; open it again")

    def _write(
        self, blob_id: str, sealed: SealedPieces, record: Iterator[bytes | memoryview]
    ) -> None:
        try:
            with self._translated():
                self._records.write(blob_id, record)
                if not sealed.is_complete:
                    self._records.delete(blob_id)
        except Exception:
            if sealed.refused is not None:  # the caller's own error, as it was
                raise sealed.refused from None
            raise
        if sealed.refused is not None:
            raise sealed.refused
        if not sealed.is_complete:
            raise BlobError(f"{self._records!r} left a part of the blob unread; it is not stored")

    def _slice(self, blob_id: str, start: int, stop: int | None) -> bytes | memoryview:
        self._check_open()
        check_id(blob_id)
        with self._translated():
            part = self._records.read_slice(blob_id, start, stop)
        if part is None:
            raise self._missing(blob_id)
        return part

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the records raise into a `BlobError`."""
        try:
            yield
        except BlobError:
            raise
        except Exception as error:
            failure = self._records.failure(error)
            if failure is None and isinstance(error, OSError):
                failure = storage_error(repr(self._records), error)
            if failure is not None:
                raise failure from None  # a client's own text may have credentials in it
            raise BlobError(f"{self._records!r} failed: {type(error).__name__}") from error

    def _missing(self, blob_id: str) -> BlobNotFound:
        return BlobNotFound(f"blob {abbreviated(blob_id)}: not in {self._records!r}")

    def __reduce__(self) -> tuple[Any, tuple[BlobRecords]]:
        return self._opened_as, (self._records,)

    def __repr__(self) -> str:
        return f"<RecordBlobStore over {self._records!r}{', closed' if self._closed else ''}>"


class _Renewing(RecordBlobStore):
    """`SupportsRenewal`."""

    _records: Any

    def renew(self, blob_ids: Iterable[str]) -> Sequence[str]:
        """As `SupportsRenewal.renew`."""
        self._check_open()
        keys = [check_id(blob_id) for blob_id in blob_ids]
        with self._translated():
            return tuple(self._records.renew(keys))


class _Listing(RecordBlobStore):
    """`SupportsListing`."""

    _records: Any

    def list_ids(self, *, min_age_seconds: float) -> Iterator[str]:
        """As `SupportsListing.list_ids`."""
        self._check_open()
        with self._translated():
            yield from filter(is_id, self._records.list_ids(min_age_seconds=min_age_seconds))


@cache
def _with(cls: Any, is_renewing: bool, is_listing: bool) -> type:
    bases = (*[_Renewing] * is_renewing, *[_Listing] * is_listing, cls)
    return type(cls.__name__, bases, {"__module__": cls.__module__, "_opened_as": cls})
