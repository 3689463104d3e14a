"""The seal: what is stored beside a blob's bytes, so that no change to either goes unnoticed.

A seal has a fixed width and holds, little-endian: magic (8 bytes), version (u32), payload size
(u64), creation time (u64, nanoseconds since 1970), SHA-256 of the payload (32 bytes), length of the
mime type (u8) and the mime type (ASCII), then zeros. Its last 32 bytes are the SHA-256 of the
blob's id and of all that precedes them, so that no bit of it, nor the blob's name, changes
unnoticed.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Generator, Iterator

from longtake.blobs.hashing import HashWorkers
from longtake.blobs.ids import abbreviated
from longtake.blobs.powers import BlobStat
from longtake.errors import BlobCorrupt, BlobError, BlobTooLarge

__all__ = ["FOOTER_SIZE", "HEADER_SIZE", "SealedPieces", "decode_seal", "encode_seal"]

HEADER_SIZE = 4096
"""Width before the payload of a file: one page, so that the payload is page-aligned when mapped."""

FOOTER_SIZE = 384
"""Width after the payload of a record: room for the longest mime type."""

_MAGIC = b"LTBLOB\r\n"
_VERSION = 1
_FIELDS = struct.Struct("<8sIQQ32sB")
_DIGEST_SIZE = hashlib.sha256().digest_size


def encode_seal(stat: BlobStat, blob_id: str, width: int) -> bytes:
    """The seal of the blob ``blob_id``, ``width`` bytes."""
    mime = stat.mime.encode("ascii")
    fields = _FIELDS.pack(_MAGIC, _VERSION, stat.size, stat.created_ns, stat.sha256, len(mime))
    page = (fields + mime).ljust(width - _DIGEST_SIZE, b"\0")
    return page + _digest(page, blob_id)


def decode_seal(page: bytes, blob_id: str, width: int) -> BlobStat:
    """What the seal ``page`` says.

    Raises `BlobCorrupt` when it is not the seal of ``width`` bytes that was written for
    ``blob_id``, and `BlobError` when it is, but by a later format.
    """
    if len(page) != width or not page.startswith(_MAGIC):
        raise BlobCorrupt(f"blob {abbreviated(blob_id)}: what is stored there has no blob's seal")
    if _digest(page[:-_DIGEST_SIZE], blob_id) != page[-_DIGEST_SIZE:]:
        raise BlobCorrupt(f"blob {abbreviated(blob_id)}: its seal is damaged, or another blob's")
    _, version, size, created_ns, sha256, mime_length = _FIELDS.unpack_from(page)
    if version != _VERSION:
        raise BlobError(
            f"blob {abbreviated(blob_id)}: its seal has format {version}, this Longtake reads "
            f"format {_VERSION}; upgrade Longtake"
        )
    mime = page[_FIELDS.size : _FIELDS.size + mime_length].decode("ascii")
    return BlobStat(size=size, sha256=sha256, mime=mime, created_ns=created_ns)


def _digest(page: bytes, blob_id: str) -> bytes:
    return hashlib.sha256(blob_id.encode("ascii") + page).digest()


class SealedPieces:
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
        """The pieces, each hashed while its reader uses it. Raises what the payload raises."""
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
