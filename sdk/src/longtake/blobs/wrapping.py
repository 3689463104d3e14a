"""What stores over another store have in common: ids of their own, and the powers it has.

An id of such a store is the id of the store within, a hyphen, and 32 hexadecimal digits that say
what the wrapper has to know of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any, ClassVar, TypeAlias

from longtake.blobs.leases import SupportsLeases
from longtake.blobs.payload import DEFAULT_MIME, BlobData
from longtake.blobs.powers import (
    BlobPath,
    BlobStat,
    SupportsPath,
    SupportsRange,
    SupportsRenewal,
    SupportsStat,
)
from longtake.blobs.protocol import BlobStore
from longtake.errors import BlobError, BlobNotFound, InvalidBlobId, ValidationError

__all__ = [
    "Closing",
    "Leasing",
    "Power",
    "Renewing",
    "WithPath",
    "WithRange",
    "WithStat",
    "WrappingStore",
    "joined_id",
    "parts_of",
]

Power: TypeAlias = tuple[Any, type]
"""The protocol that the store within must fit, and the class that then comes in."""

_FORM = re.compile(r"([A-Za-z0-9_-]{1,95})-([0-9a-f]{32})", re.ASCII)


def joined_id(inner: str, mark: str, store: object) -> str:
    """The id of a wrapper. Raises `BlobError` for an ``inner`` that is too long or of no form."""
    blob_id = f"{inner}-{mark}"
    if not _FORM.fullmatch(blob_id):
        raise BlobError(
            f"{store!r} gives ids that are not 1 to 95 characters A-Z a-z 0-9 _ -; "
            "it cannot be wrapped"
        )
    return blob_id


def parts_of(blob_id: object) -> tuple[str, str]:
    """The id within, and the mark. Raises `InvalidBlobId`, without repeating the id."""
    if not isinstance(blob_id, str):
        raise InvalidBlobId(f"blob id: it is a {type(blob_id).__name__}, not a string")
    found = _FORM.fullmatch(blob_id)
    if found is None:
        raise InvalidBlobId(
            f"blob id: a string of {len(blob_id)} characters that is not an id of this store; "
            "ids are as put returned them"
        )
    return found[1], found[2]


class WrappingStore:
    """A store over ``store``. Which powers it has depends on that store: `_powers`."""

    _powers: ClassVar[tuple[Power, ...]] = ()

    def __new__(cls, store: BlobStore, *_: object, **__: object) -> Any:
        if not isinstance(store, BlobStore):
            problem = f"is a {type(store).__name__}; must be a blob store"
            raise ValidationError("store", problem)
        kind: Any = cls  # mypy takes no class that has __contains__ for hashable
        found = [power for needed, power in cls._powers if isinstance(store, needed)]
        return object.__new__(_with(kind, *found))

    def __init__(self, store: BlobStore) -> None:
        self._store: Any = store

    def put(self, data: BlobData, *, mime: str = DEFAULT_MIME) -> str:
        """Store ``data`` and return its id, which is one of this wrapper. As `BlobStore.put`."""
        return self._put(self._store.put, data, mime)

    def get(self, blob_id: str) -> bytes | memoryview:
        """The bytes under ``blob_id``. As `BlobStore.get`."""
        content: bytes | memoryview = self._store.get(self._inner(blob_id))
        return content

    def drop(self, blob_id: str) -> None:
        """Forget the blob. Dropping what is absent does nothing."""
        for inner in self._known([blob_id]):
            self._store.drop(inner)

    def __contains__(self, blob_id: object) -> bool:
        """Whether the blob is there. Any object may be asked about."""
        try:
            return self._inner(blob_id) in self._store
        except BlobNotFound:
            return False

    def _put(self, put: Callable[..., str], data: BlobData, mime: str) -> str:
        raise NotImplementedError

    def _inner(self, blob_id: object) -> str:
        """The id within. Raises `InvalidBlobId`, and `BlobNotFound` for one that is not ours."""
        return parts_of(blob_id)[0]

    def _known(self, blob_ids: Iterable[str]) -> list[str]:
        """The ids within of those that are ours. Raises `InvalidBlobId`."""
        inner = []
        for blob_id in blob_ids:
            try:
                inner.append(self._inner(blob_id))
            except InvalidBlobId:
                raise
            except BlobNotFound:
                continue  # there is nothing of ours to let go
        return inner


@cache
def _with(cls: Any, *powers: type) -> type:
    return type(cls.__name__, (*powers, cls), {"__module__": cls.__module__})


class Leasing(WrappingStore):
    """`SupportsLeases`."""

    _store: SupportsLeases

    def put(
        self, data: BlobData, *, mime: str = DEFAULT_MIME, lease_seconds: float | None = None
    ) -> str:
        """As `SupportsLeases.put`."""
        return self._put(partial(self._store.put, lease_seconds=lease_seconds), data, mime)

    def pin(self, blob_ids: Iterable[str], owner: str) -> None:
        """As `SupportsLeases.pin`."""
        self._store.pin([self._inner(blob_id) for blob_id in blob_ids], owner)

    def unpin(self, blob_ids: Iterable[str], owner: str) -> None:
        """As `SupportsLeases.unpin`."""
        self._store.unpin(self._known(blob_ids), owner)

    def sweep(self, *, limit: int | None = None) -> int:
        """As `SupportsLeases.sweep`, of the whole store within."""
        return self._store.sweep(limit=limit)


class Renewing(WrappingStore):
    """`SupportsRenewal`."""

    _store: SupportsRenewal

    def renew(self, blob_ids: Iterable[str]) -> Sequence[str]:
        """As `SupportsRenewal.renew`; what is not ours is gone."""
        asked = list(blob_ids)
        inner = {blob_id: known for blob_id in asked for known in self._known([blob_id])}
        gone = set(self._store.renew(inner.values()))
        return tuple(each for each in asked if each not in inner or inner[each] in gone)


class WithStat(WrappingStore):
    """`SupportsStat`."""

    _store: SupportsStat

    def stat(self, blob_id: str) -> BlobStat:
        """As `SupportsStat.stat`."""
        return self._store.stat(self._inner(blob_id))


class WithRange(WrappingStore):
    """`SupportsRange`."""

    _store: SupportsRange

    def get_range(self, blob_id: str, start: int, stop: int) -> bytes | memoryview:
        """As `SupportsRange.get_range`."""
        return self._store.get_range(self._inner(blob_id), start, stop)


class WithPath(WrappingStore):
    """`SupportsPath`."""

    _store: SupportsPath

    def path(self, blob_id: str) -> BlobPath:
        """As `SupportsPath.path`."""
        return self._store.path(self._inner(blob_id))


class Closing(WrappingStore):
    """`longtake.SupportsClose`."""

    def close(self) -> None:
        """Close the store within. Closing again does nothing."""
        self._store.close()
