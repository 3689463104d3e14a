"""A store that encrypts what it puts into another one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, Protocol, runtime_checkable

from attrs import evolve

from longtake.blobs.encryption import (
    FOOTER_SIZE,
    HEADER_SIZE,
    SEGMENT_SIZE,
    TAG_SIZE,
    Footer,
    Segments,
    check_available,
    encrypted,
    opened,
    plain_size,
)
from longtake.blobs.leases import SupportsLeases
from longtake.blobs.payload import DEFAULT_MIME, BlobData, check_mime
from longtake.blobs.powers import (
    BlobStat,
    SupportsClose,
    SupportsRange,
    SupportsRenewal,
    SupportsStat,
    check_range,
)
from longtake.blobs.protocol import BlobStore
from longtake.blobs.wrapping import Closing, Leasing, Renewing, WrappingStore, joined_id, parts_of
from longtake.errors import BlobCorrupt, BlobError, ValidationError
from longtake.keys import KeyRing

__all__ = ["EncryptedBlobStore"]

_SALT_BYTES = 16
_SEALED = SEGMENT_SIZE + TAG_SIZE


@runtime_checkable
class _SupportsParts(SupportsStat, SupportsRange, Protocol):
    """A store that says how large a blob is, and reads a part of it."""


class _Decrypting(WrappingStore):
    """Knows the keys."""

    def __init__(self, store: BlobStore, *, keys: KeyRing) -> None:
        super().__init__(store)
        if not isinstance(keys, KeyRing):
            raise ValidationError("keys", f"is a {type(keys).__name__}; must be a longtake.KeyRing")
        check_available()
        self._keys = keys

    def _segments(self, header: bytes, salt: str) -> Segments:
        return opened(self._keys, header, bytes.fromhex(salt))


class _WithParts(_Decrypting):
    """`SupportsStat` and `SupportsRange`, over a store that has both."""

    _store: _SupportsParts

    def stat(self, blob_id: str) -> BlobStat:
        """Size, digest and mime type of the bytes that were put; the time is the store's."""
        _, _, footer, stat = self._looked_up(blob_id)
        return evolve(stat, size=footer.size, sha256=footer.sha256, mime=footer.mime)

    def get_range(self, blob_id: str, start: int, stop: int) -> bytes | memoryview:
        """As `SupportsRange.get_range`; each segment that is read is held against its tag."""
        check_range(start, stop)
        inner, segments, footer, _ = self._looked_up(blob_id)
        stop = min(stop, footer.size)
        if start >= stop:
            return b""
        first, behind = start // SEGMENT_SIZE, -(-stop // SEGMENT_SIZE)
        end = min(behind * _SEALED, footer.size + behind * TAG_SIZE)
        part = self._store.get_range(inner, HEADER_SIZE + first * _SEALED, HEADER_SIZE + end)
        plain = _opened_segments(segments, memoryview(part), first, behind)
        skipped = start - first * SEGMENT_SIZE
        return memoryview(b"".join(plain))[skipped : skipped + stop - start]

    def _looked_up(self, blob_id: str) -> tuple[str, Segments, Footer, BlobStat]:
        """The id within, the cipher, the footer, and what the store says of the blob."""
        inner, salt = parts_of(blob_id)
        stat = self._store.stat(inner)
        size, count = plain_size(stat.size)
        segments = self._segments(bytes(self._store.get_range(inner, 0, HEADER_SIZE)), salt)
        sealed = self._store.get_range(inner, stat.size - FOOTER_SIZE, stat.size)
        return inner, segments, _footer(segments, count, sealed, size), stat


class EncryptedBlobStore(_Decrypting):
    """A `BlobStore` whose blobs are in ``store``, encrypted and authenticated (AES-256-GCM).

    Whoever reads ``store``, its disk or its backups has sizes and times of blobs, and nothing else.
    Whoever writes there can make blobs disappear, but not change, shorten, extend or exchange them
    unnoticed: that is `BlobCorrupt`. A blob is encrypted in segments of 64 KiB while it is put, so
    an iterable takes little memory, and a range reads only its segments. Ids are those of ``store``
    with a salt of 128 bits behind, without which nothing decrypts.

    ``keys``: the current one encrypts, each of them decrypts. Who leaves one out gives up what was
    encrypted with it: `BlobCorrupt`, since without the key it cannot be told from damage. The store
    keeps ``store``'s powers: leases, renewal, close, and where it has both, stat and range; never
    path.

    Put a `TenantBlobStore` around this store, not into it. Needs the package ``cryptography``
    (``longtake[encryption]``), or raises `MissingDependencyError`.
    """

    _powers = (
        (_SupportsParts, _WithParts),
        (SupportsLeases, Leasing),
        (SupportsRenewal, Renewing),
        (SupportsClose, Closing),
    )

    def _put(self, put: Callable[..., str], data: BlobData, mime: str) -> str:
        check_mime(mime)
        salt = secrets.token_bytes(_SALT_BYTES)
        with closing(encrypted(data, mime, self._keys, salt)) as content:
            inner = put(content, mime=DEFAULT_MIME)
        try:
            return joined_id(inner, salt.hex(), self._store)
        except BlobError:
            self._store.drop(inner)
            raise

    def get(self, blob_id: str) -> bytes | memoryview:
        """The bytes under ``blob_id``, all of them held against their tags. As `BlobStore.get`."""
        inner, salt = parts_of(blob_id)
        content = memoryview(self._store.get(inner)).cast("B")
        size, count = plain_size(len(content))
        segments = self._segments(bytes(content[:HEADER_SIZE]), salt)
        _footer(segments, count, content[-FOOTER_SIZE:], size)
        plain, end = bytearray(size), 0
        for segment in _opened_segments(segments, content[HEADER_SIZE:-FOOTER_SIZE], 0, count):
            plain[end : end + len(segment)] = segment
            end += len(segment)
        return memoryview(plain).toreadonly()

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(EncryptedBlobStore, keys=self._keys), (self._store,)

    def __repr__(self) -> str:
        return f"<EncryptedBlobStore over {self._store!r}>"


def _footer(segments: Segments, index: int, sealed: bytes | memoryview, size: int) -> Footer:
    footer = segments.footer(index, sealed)
    if footer.size != size:
        raise BlobCorrupt("an encrypted blob is not of the size that was put")
    return footer


def _opened_segments(
    segments: Segments, sealed: memoryview, first: int, behind: int
) -> Iterator[bytes]:
    """The bytes of the segments from ``first``, which ``sealed`` begins with, to ``behind``."""
    for index in range(first, behind):
        start = (index - first) * _SEALED
        yield segments.open(index, sealed[start : start + _SEALED])
