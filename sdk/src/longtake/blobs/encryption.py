"""Blobs encrypted in segments, so that large ones stream and any part is authentic by itself.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizar: "Online Authenticated-Encryption
and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015) over AES-256-GCM, with a key for each blob as
in Tink's AES-GCM-HKDF streaming. An encrypted blob is, one after the other:

- the header, 96 bytes: magic (16 bytes), length of the key id (1 byte), key id, zeros;
- the segments: each 65536 bytes of the blob, the last one the rest, with a tag of 16 bytes behind;
- the footer, one more segment of 304 bytes with its tag: size (u64, little-endian) and SHA-256 of
  the blob, length of the mime type (1 byte), mime type (ASCII), zeros.

The nonce (12 bytes) of segment i is 7 zeros, i (u32, big-endian), and 1 byte that is 1 for the
footer, else 0. Associated data of each is the header. So segments that were exchanged, left out,
repeated or added, and a changed header, are noticed. The key is HKDF-Expand (RFC 5869, SHA-256) of
the ring's key with the blob's salt, 16 random bytes that are in its id alone: a blob in the place
of another one does not decrypt.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Generator, Iterator
from typing import Any

from attrs import frozen

from longtake.blobs.payload import BlobData, pieces
from longtake.errors import BlobCorrupt, BlobTooLarge, MissingDependencyError
from longtake.keys import KeyRing

__all__ = [
    "FOOTER_SIZE",
    "HEADER_SIZE",
    "SEGMENT_SIZE",
    "TAG_SIZE",
    "Footer",
    "Segments",
    "check_available",
    "encrypted",
    "opened",
    "plain_size",
]

SEGMENT_SIZE = 2**16
"""Bytes of a blob in each segment but the last."""
TAG_SIZE = 16
HEADER_SIZE = 96
_FOOTER = struct.Struct("<Q32sB")
_FOOTER_PLAIN = 304
FOOTER_SIZE = _FOOTER_PLAIN + TAG_SIZE

_MAGIC = b"LTENCRYPTED\r\n\0\0\1"
_PURPOSE = b"longtake encrypted blob 1 "
_MOST_SEGMENTS = 2**32 - 1


@frozen
class Footer:
    """What is kept of a blob: its size in bytes, its SHA-256 and its mime type."""

    size: int
    sha256: bytes
    mime: str


def check_available() -> None:
    """Raise `MissingDependencyError` where there is nothing to encrypt with."""
    _aes_gcm()


def _aes_gcm() -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise MissingDependencyError("cryptography", "an encrypted blob store") from None
    return AESGCM


@frozen
class Segments:
    """The cipher of one blob."""

    _cipher: Any
    header: bytes

    def seal(self, index: int, plain: bytes | memoryview, *, is_footer: bool = False) -> bytes:
        """The segment ``index`` with its tag."""
        sealed: bytes = self._cipher.encrypt(_nonce(index, is_footer), plain, self.header)
        return sealed

    def open(self, index: int, sealed: bytes | memoryview, *, is_footer: bool = False) -> bytes:
        """The bytes of segment ``index``. Raises `BlobCorrupt` when they are not the ones put."""
        from cryptography.exceptions import InvalidTag

        try:
            plain: bytes = self._cipher.decrypt(_nonce(index, is_footer), sealed, self.header)
        except (InvalidTag, ValueError, OverflowError):
            raise BlobCorrupt(_CHANGED) from None
        return plain

    def footer(self, index: int, sealed: bytes | memoryview) -> Footer:
        """What the footer says, which is segment ``index``. Raises `BlobCorrupt`."""
        plain = self.open(index, sealed, is_footer=True)
        size, sha256, length = _FOOTER.unpack_from(plain)
        mime = plain[_FOOTER.size : _FOOTER.size + length].decode("ascii")
        return Footer(size, sha256, mime)


_CHANGED = "an encrypted blob is not as it was put, or is another one"


def _nonce(index: int, is_footer: bool) -> bytes:
    return bytes(7) + index.to_bytes(4, "big") + bytes([is_footer])


def _segments(keys: KeyRing, key_id: str, salt: bytes) -> Segments:
    name = key_id.encode("ascii")
    header = (_MAGIC + bytes([len(name)]) + name).ljust(HEADER_SIZE, b"\0")
    return Segments(_aes_gcm()(keys.derived(key_id, _PURPOSE + salt)), header)


def opened(keys: KeyRing, header: bytes, salt: bytes) -> Segments:
    """The cipher of a blob by its header.

    Raises `BlobCorrupt` for a damaged header, and for a key that is not in the ring.
    """
    size = header[len(_MAGIC)] if len(header) == HEADER_SIZE else 0
    name = header[len(_MAGIC) + 1 :][:size]
    key_id = name.decode("ascii", "replace")
    if not header.startswith(_MAGIC) or key_id not in keys:
        raise BlobCorrupt(
            "an encrypted blob: its header is damaged, or its key is no longer in the ring"
        )
    segments = _segments(keys, key_id, salt)
    if segments.header != header:
        raise BlobCorrupt(_CHANGED)
    return segments


def encrypted(
    data: BlobData, mime: str, keys: KeyRing, salt: bytes
) -> Generator[bytes, None, None]:
    """The pieces of an encrypted blob, made while they are asked for. Raises like `pieces`."""
    segments = _segments(keys, keys.current, salt)
    yield segments.header
    digest, size, index = hashlib.sha256(), 0, 0
    for plain in _cut(data):
        if index == _MOST_SEGMENTS:
            raise BlobTooLarge(f"data: more than {_MOST_SEGMENTS * SEGMENT_SIZE} bytes")
        digest.update(plain)
        size += len(plain)
        yield segments.seal(index, plain)
        index += 1
    footer = _FOOTER.pack(size, digest.digest(), len(mime)) + mime.encode("ascii")
    yield segments.seal(index, footer.ljust(_FOOTER_PLAIN, b"\0"), is_footer=True)


def _cut(data: BlobData) -> Iterator[bytes | memoryview]:
    """``data`` in pieces of `SEGMENT_SIZE` bytes, the last one of what is left, none empty."""
    rest = bytearray()
    for piece in pieces(data):
        start = 0
        if rest:
            start = min(len(piece), SEGMENT_SIZE - len(rest))
            rest += piece[:start]
            if len(rest) < SEGMENT_SIZE:
                continue
            yield bytes(rest)
            rest.clear()
        stop = start + (len(piece) - start) // SEGMENT_SIZE * SEGMENT_SIZE
        for begin in range(start, stop, SEGMENT_SIZE):
            yield piece[begin : begin + SEGMENT_SIZE]
        rest += piece[stop:]
    if rest:
        yield bytes(rest)


def plain_size(num_bytes: int) -> tuple[int, int]:
    """Of so many encrypted bytes: the blob's size and how many segments it has.

    Raises `BlobCorrupt` when nothing that was encrypted has this size.
    """
    sealed = num_bytes - HEADER_SIZE - FOOTER_SIZE
    count = -(-sealed // (SEGMENT_SIZE + TAG_SIZE))
    size = sealed - count * TAG_SIZE
    if sealed < 0 or size < 0 or (sealed and not (count - 1) * SEGMENT_SIZE < size):
        raise BlobCorrupt("an encrypted blob: some of its bytes are missing, or there are more")
    return size, count
