"""A blob store over anything that keeps whole records of bytes under keys.

What all stores have in common is here: ids, checks of what comes in, the seal that makes damage
visible, errors, closing. What differs is a `BlobRecords`.
"""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager

from longtake.blobs.file_errors import storage_error
from longtake.blobs.hashing import HashWorkers
from longtake.blobs.ids import abbreviated, check_id, new_id
from longtake.blobs.payload import DEFAULT_MIME, BlobData, check_mime, held_pieces
from longtake.blobs.powers import BlobStat
from longtake.blobs.seal import FOOTER_SIZE, decode_seal, encode_seal
from longtake.errors import (
    BlobCorrupt,
    BlobError,
    BlobNotFound,
    BlobStoreUnavailable,
    BlobTooLarge,
    InvalidBlobId,
    ValidationError,
)

__all__ = ["BlobRecords", "RecordBlobStore"]


class BlobRecords(ABC):
    """Keeps records of bytes under keys: all that a `RecordBlobStore` needs of a backend.

    Keys are 32 lower-case hexadecimal characters; nothing else comes here. Every method may be
    called from any thread. Pickled, it is what opens the same records in another process; where
    that cannot be, pickling raises `BlobError`. ``max_size``: the largest blob in bytes, None for
    no limit. ``unavailable``: exceptions of a client that say that the backend cannot be used for
    now, in texts that may be shown. What else a method raises is shown as `failure` says.
    """

    max_size: int | None = None
    unavailable: tuple[type[Exception], ...] = ()

    @abstractmethod
    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        """Keep ``pieces``, joined, under the new ``key``.

        Nobody may see any of it before all of it is there; when this returns it is on stable
        storage, if the backend has any. No piece is empty; each may be used until this returns,
        and is made when it is asked for. When asking for one raises, keep nothing and let the
        error through.
        """

    @abstractmethod
    def read(self, key: str) -> bytes | memoryview | None:
        """The whole record, None when there is none."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Forget the record, if it is there."""

    def has(self, key: str) -> bool:
        """Whether there is such a record. Reads its end, if not defined."""
        return self.read_slice(key, -1, None) is not None

    def read_slice(self, key: str, start: int, stop: int | None) -> bytes | memoryview | None:
        """``record[start:stop]`` of the record, None when there is none. Reads all, if not defined.

        Either ``0 <= start <= stop``, or ``start < 0`` and ``stop`` is None: the last bytes.
        """
        record = self.read(key)
        return None if record is None else memoryview(record)[start:stop]

    def failure(self, error: Exception) -> BlobError | None:
        """What ``error``, which a method raised, means; None when nothing more is known of it.

        The text is shown and logged: no credentials in it. An `OSError` needs no word here, nor
        does one of ``unavailable``.
        """
        if isinstance(error, self.unavailable):
            return BlobStoreUnavailable(f"{self!r}: {error}; try again later")
        return None

    def close(self) -> None:  # noqa: B027 - what most have to do
        """Let connections and the like go; called once."""

    def __repr__(self) -> str:
        return type(self).__name__


class RecordBlobStore:
    """The `BlobStore` whose blobs are ``records``, for any number of threads.

    A record is the blob's bytes followed by a seal of 384 bytes: their size, digest and mime type,
    bound to the id. Pickled, it is its records.
    """

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
            sealed = _SealedPieces(pieces, blob_id, mime, self._records.max_size, self._hashing)
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
        self, blob_id: str, sealed: _SealedPieces, record: Iterator[bytes | memoryview]
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

    def __reduce__(self) -> tuple[type[RecordBlobStore], tuple[BlobRecords]]:
        return type(self), (self._records,)

    def __repr__(self) -> str:
        return f"<RecordBlobStore over {self._records!r}{', closed' if self._closed else ''}>"


class _SealedPieces:
    """The pieces of a record: those of the payload, hashed meanwhile, and its seal.

    ``refused``: what reading the payload raised. ``is_complete``: whether the seal was asked for.
    """

    def __init__(
        self,
        pieces: Iterator[bytes | memoryview],
        blob_id: str,
        mime: str,
        max_size: int | None,
        hashing: HashWorkers,
    ) -> None:
        self._pieces = pieces
        self._blob_id = blob_id
        self._mime = mime
        self._max_size = max_size
        self._hashing = hashing
        self.refused: BaseException | None = None
        self.is_complete = False

    def record(self) -> Generator[bytes | memoryview, None, None]:
        digest, size = hashlib.sha256(), 0
        for piece in filter(len, self._payload()):  # an empty one may end a client's message
            size += len(piece)
            self._check_size(size)
            with self._hashing.meanwhile(digest, piece):
                yield piece
        stat = BlobStat(size, digest.digest(), self._mime, time.time_ns())
        self.is_complete = True
        yield encode_seal(stat, self._blob_id, FOOTER_SIZE)

    def _payload(self) -> Iterator[bytes | memoryview]:
        try:
            yield from self._pieces
        except GeneratorExit:
            raise
        except BaseException as error:
            self.refused = error
            raise

    def _check_size(self, size: int) -> None:
        if self._max_size is not None and size > self._max_size:
            self.refused = BlobTooLarge(
                f"data: more than {self._max_size} bytes, the largest blob of this store"
            )
            raise self.refused


def check_range(start: int, stop: int) -> None:
    """Raise `ValidationError` unless ``0 <= start <= stop``."""
    if type(start) is not int or type(stop) is not int or not 0 <= start <= stop:
        raise ValidationError("start", f"{start!r} to {stop!r} is no range; 0 <= start <= stop")
