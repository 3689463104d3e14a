"""A blob's file: one page of header, then the payload and nothing else.

The header page holds, little-endian: magic (8 bytes), version (u32), payload size (u64), creation
time (u64, nanoseconds since 1970), SHA-256 of the payload (32 bytes), length of the mime type (u8)
and the mime type (ASCII), then zeros. Its last 32 bytes are the SHA-256 of the blob's id and of
all that precedes them, so that no bit of the page, nor the file's name, changes unnoticed.
"""

from __future__ import annotations

import hashlib
import struct

from attrs import frozen

from longtake.blobs.ids import abbreviated
from longtake.errors import BlobCorrupt, BlobError

__all__ = ["HEADER_SIZE", "Header", "decode_header", "encode_header"]

HEADER_SIZE = 4096
"""Bytes before the payload: one page, so that the payload of a mapped file is page-aligned."""

_MAGIC = b"LTBLOB\r\n"
_VERSION = 1
_FIELDS = struct.Struct("<8sIQQ32sB")
_SEAL_SIZE = hashlib.sha256().digest_size


@frozen
class Header:
    """What is known of a blob besides its bytes. ``size`` in bytes, ``created_ns`` since 1970."""

    size: int
    sha256: bytes
    mime: str
    created_ns: int


def encode_header(header: Header, blob_id: str) -> bytes:
    """The header page, `HEADER_SIZE` bytes, of the blob ``blob_id``."""
    mime = header.mime.encode("ascii")
    fields = _FIELDS.pack(
        _MAGIC, _VERSION, header.size, header.created_ns, header.sha256, len(mime)
    )
    page = (fields + mime).ljust(HEADER_SIZE - _SEAL_SIZE, b"\0")
    return page + _seal(page, blob_id)


def decode_header(page: bytes, blob_id: str) -> Header:
    """The header in ``page``.

    Raises `BlobCorrupt` when it is not the page that was written for ``blob_id``, and `BlobError`
    when it is, but by a later format.
    """
    if len(page) != HEADER_SIZE or not page.startswith(_MAGIC):
        raise BlobCorrupt(f"blob {abbreviated(blob_id)}: its file is not a blob's file")
    if _seal(page[:-_SEAL_SIZE], blob_id) != page[-_SEAL_SIZE:]:
        raise BlobCorrupt(f"blob {abbreviated(blob_id)}: the header of its file is damaged")
    _, version, size, created_ns, sha256, mime_length = _FIELDS.unpack_from(page)
    if version != _VERSION:
        raise BlobError(
            f"blob {abbreviated(blob_id)}: its file has format {version}, this Longtake reads "
            f"format {_VERSION}; upgrade Longtake"
        )
    mime = page[_FIELDS.size : _FIELDS.size + mime_length].decode("ascii")
    return Header(size=size, sha256=sha256, mime=mime, created_ns=created_ns)


def _seal(page: bytes, blob_id: str) -> bytes:
    return hashlib.sha256(blob_id.encode("ascii") + page).digest()
