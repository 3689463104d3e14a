"""What a `RecordBlobStore` needs of a backend: a keeper of whole records of bytes under keys."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from longtake.errors import BlobError, BlobStoreUnavailable

__all__ = ["BlobRecords"]


class BlobRecords(ABC):
    """Keeps records of bytes under keys: all that a `RecordBlobStore` needs of a backend.

    A blob's id is the key of its one record: 32 lower-case hexadecimal characters that the store
    draws at random, 128 bits; nothing else comes here. Who knows a key can read the blob, so it
    belongs neither into a log nor into a message. Every method may be
    called from any thread. Pickled, it is what opens the same records in another process; where
    that cannot be, pickling raises `BlobError`. ``max_size``: the largest blob in bytes, None for
    no limit. ``unavailable``: exceptions of a client that say that the backend cannot be used for
    now, in texts that may be shown. What else a method raises is shown as `failure` says.

    Records that also have ``renew`` or ``list_ids``, as in `SupportsRenewal` and `SupportsListing`
    with keys for ids, give their store this power. Keys that are no ids are passed over.
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
