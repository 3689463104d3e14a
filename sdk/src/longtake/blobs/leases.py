"""Leases and pins: how what a state refers to is kept, and what nobody refers to is swept.

A blob that was put with a lease is kept while the lease runs or somebody pins it. The order that
never leaves a state without its blobs: put with a lease, pin for the new owner, replace the state
(compare and set), unpin for the old owner. A crash between any two of them only leaves blobs behind
that the next sweep collects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from longtake.blobs.payload import DEFAULT_MIME, BlobData
from longtake.blobs.protocol import BlobStore
from longtake.errors import BlobError, ValidationError, shown

__all__ = ["LeasingStore", "SupportsLeases", "check_lease", "check_limit", "check_owner", "leasing"]

_OWNER_LIMIT = 255
_LONGEST = 10 * 366 * 24 * 3600.0
"""Seconds; who wants more puts without a lease."""


@runtime_checkable
class SupportsLeases(Protocol):
    """Power of a store: to keep blobs while they are needed, and to sweep the others.

    Time is the store's, not that of its callers.
    """

    def put(
        self,
        data: BlobData,
        *,
        mime: str = "application/octet-stream",
        lease_seconds: float | None = None,
    ) -> str:
        """Like `BlobStore.put`; swept some time after ``lease_seconds`` unless somebody pins it.

        Without a lease, a blob is kept until it is dropped. Raises `ValidationError` for a lease
        that is no positive number of seconds.
        """
        ...

    def pin(self, blob_ids: Iterable[str], owner: str) -> None:
        """Keep the blobs for ``owner``, e.g. the key of the state that refers to them; all or none.

        Pinning again changes nothing. Raises `BlobNotFound` when one of them is gone: none is then
        pinned. Raises `ValidationError` unless ``owner`` is a text of 1 to 255 characters.
        """
        ...

    def unpin(self, blob_ids: Iterable[str], owner: str) -> None:
        """``owner`` needs the blobs no longer. What is gone, or not pinned, is passed over.

        Raises `ValidationError` for what cannot be an owner.
        """
        ...

    def sweep(self, *, limit: int | None = None) -> int:
        """Drop blobs whose lease is over and that nobody pins, at most ``limit`` of them.

        Returns how many were dropped; less than ``limit`` means that there are no more. Raises
        `BlobCorrupt` when it cannot be told who pins a blob: that one, and those not yet looked at,
        are then kept. Raises `ValidationError` unless ``limit`` is an integer from 1.
        """
        ...


class LeasingStore:
    """A `BlobStore` whose blobs are ``store``'s, each put with a lease.

    ``lease_seconds``: time enough to pin them.
    """

    def __init__(self, store: BlobStore, lease_seconds: float) -> None:
        if not isinstance(store, SupportsLeases):
            raise BlobError(f"{store!r} knows no leases; use a store that has pin and sweep")
        check_lease(lease_seconds)
        self._store: BlobStore = store
        self._leasing: SupportsLeases = store
        self._lease_seconds = lease_seconds

    def put(self, data: BlobData, *, mime: str = DEFAULT_MIME) -> str:
        """Store ``data`` for as long as the lease. Raises like the store's own."""
        return self._leasing.put(data, mime=mime, lease_seconds=self._lease_seconds)

    def get(self, blob_id: str) -> bytes | memoryview:
        """As of the store."""
        return self._store.get(blob_id)

    def drop(self, blob_id: str) -> None:
        """As of the store."""
        self._store.drop(blob_id)

    def __contains__(self, blob_id: object) -> bool:
        """As of the store."""
        return blob_id in self._store


def leasing(store: BlobStore, lease_seconds: float) -> BlobStore:
    """``store``, but all that is put through it has a lease of ``lease_seconds``.

    For what puts blobs without knowing of leases, such as `Pipeline.generate`. Raises `BlobError`
    when the store has no leases, `ValidationError` for a lease that is no positive number.
    """
    return LeasingStore(store, lease_seconds)


def check_lease(lease_seconds: float | None) -> None:
    """Raise `ValidationError` unless this is None or a positive number of seconds."""
    if lease_seconds is None:
        return
    number = isinstance(lease_seconds, int | float) and not isinstance(lease_seconds, bool)
    if not number or not 0 < lease_seconds <= _LONGEST:
        raise ValidationError(
            "lease_seconds", f"is {shown(lease_seconds)}; must be seconds, more than 0, or None"
        )


def check_limit(limit: object) -> None:
    """Raise `ValidationError` unless this is None or a positive integer."""
    if limit is not None and (type(limit) is not int or limit < 1):
        raise ValidationError("limit", f"is {shown(limit)}; must be an integer from 1, or None")


def check_owner(owner: object) -> str:
    """``owner`` itself. Raises `ValidationError` unless it is a text of 1 to 255 characters."""
    if not isinstance(owner, str) or not 0 < len(owner) <= _OWNER_LIMIT:
        raise ValidationError("owner", f"must be a text of 1 to {_OWNER_LIMIT} characters")
    return owner
