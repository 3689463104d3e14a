"""What a blob store may do beyond the four methods: each power is a protocol of its own.

A store has a power when it has the power's method; `isinstance(store, SupportsStat)` tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import field, frozen

from longtake.errors import ValidationError, shown

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BlobPath",
    "BlobStat",
    "SupportsClose",
    "SupportsListing",
    "SupportsPath",
    "SupportsRange",
    "SupportsRenewal",
    "SupportsStat",
    "check_range",
]


@frozen
class BlobStat:
    """What is known of a blob besides its bytes.

    - ``size``: in bytes.
    - ``sha256``: the digest of the bytes, 32 bytes.
    - ``mime``: as it was put.
    - ``created_ns``: when, in nanoseconds since 1970, by the clock of the machine that put it.
    """

    size: int
    sha256: bytes = field(repr=False)
    mime: str
    created_ns: int


@frozen
class BlobPath:
    """Where a blob's bytes lie: ``size`` bytes from ``offset`` in the file ``path``."""

    path: Path = field(repr=False)
    offset: int
    size: int


@runtime_checkable
class SupportsStat(Protocol):
    """Power of a store: to say what a blob is without reading its bytes."""

    def stat(self, blob_id: str) -> BlobStat:
        """Size, digest, mime type and time. Raises like `BlobStore.get`."""
        ...


@runtime_checkable
class SupportsRange(Protocol):
    """Power of a store: to read a part of a blob."""

    def get_range(self, blob_id: str, start: int, stop: int) -> bytes | memoryview:
        """Bytes ``start`` to ``stop`` (not included), read-only, as far as the blob has them.

        What is beyond the blob's end is left out, as in a slice. A part alone cannot be held
        against the digest of the whole. Raises `ValidationError` unless ``0 <= start <= stop``,
        else like `BlobStore.get`.
        """
        ...


@runtime_checkable
class SupportsPath(Protocol):
    """Power of a store: to say in which local file a blob's bytes lie, to map or to send them."""

    def path(self, blob_id: str) -> BlobPath:
        """The file, only to be read, until the blob is dropped. Raises like `BlobStore.get`."""
        ...


@runtime_checkable
class SupportsClose(Protocol):
    """Power of a store: to let its connections, threads and files go."""

    def close(self) -> None:
        """Closing again does nothing; other uses raise `BlobError`. What was got is valid."""
        ...


@runtime_checkable
class SupportsRenewal(Protocol):
    """Power of a store whose blobs expire by themselves: to keep some of them longer."""

    def renew(self, blob_ids: Iterable[str]) -> Sequence[str]:
        """Let the time of the blobs begin anew, by the store's clock, as if they were put now.

        No time gets shorter. Returns the ids of those that are gone, or that have lost a part; the
        others are kept. Raises `InvalidBlobId`, `BlobStoreUnavailable`.
        """
        ...


@runtime_checkable
class SupportsListing(Protocol):
    """Power of a store: to say which blobs it has had for a while."""

    def list_ids(self, *, min_age_seconds: float) -> Iterator[str]:
        """The ids of blobs that were put that long ago or longer, by the store's clock, not ours.

        A blob that is put or dropped meanwhile may be among them or not. Whoever can list can read
        every blob. Raises `BlobStoreUnavailable`, also while it is iterated.
        """
        ...


def check_range(start: int, stop: int) -> None:
    """Raise `ValidationError` unless ``0 <= start <= stop``."""
    if type(start) is not int or type(stop) is not int or not 0 <= start <= stop:
        raise ValidationError(
            "start", f"{shown(start)} to {shown(stop)} is no range; 0 <= start <= stop"
        )
