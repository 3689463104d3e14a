"""The key that makes a record be there: how many pieces it has, and its last bytes.

The manifest's value holds, little-endian: magic (8 bytes), bytes of each piece (u32), number of
pieces (u32), bytes of the record (u64), CRC-32 of all these; then what is left of the record behind
its whole pieces. A small record is its manifest alone.
"""

from __future__ import annotations

import struct
import zlib

from attrs import frozen

import longtake as lt

__all__ = ["HEADER_SIZE", "PIECE_SIZE", "Manifest", "Names"]

PIECE_SIZE = 2**20

_MAGIC = b"LTREDIS1"
_FIELDS = struct.Struct("<8sIIQ")
_SUM = struct.Struct("<I")
HEADER_SIZE = _FIELDS.size + _SUM.size


@frozen
class Names:
    """The keys of one record."""

    manifest: bytes

    @classmethod
    def of(cls, prefix: str, key: str) -> Names:
        return cls(f"{prefix}{key}".encode("ascii"))

    def piece(self, index: int) -> bytes:
        return b"%b:%d" % (self.manifest, index)

    def pieces(self, count: int) -> list[bytes]:
        return [self.piece(index) for index in range(count)]


@frozen
class Manifest:
    """``num_pieces`` of `PIECE_SIZE` bytes each, and a rest, make ``size`` bytes."""

    num_pieces: int
    size: int

    @property
    def rest(self) -> int:
        """Bytes of the record that are in the manifest itself."""
        return self.size - self.num_pieces * PIECE_SIZE

    def encode(self) -> bytes:
        fields = _FIELDS.pack(_MAGIC, PIECE_SIZE, self.num_pieces, self.size)
        return fields + _SUM.pack(zlib.crc32(fields))

    @classmethod
    def decode(cls, header: bytes, key: str) -> Manifest:
        """Raises `BlobCorrupt` when ``header`` does not begin like a manifest."""
        if len(header) >= HEADER_SIZE:
            _, _, num_pieces, size = _FIELDS.unpack_from(header)
            manifest = cls(num_pieces, size)
            if header[:HEADER_SIZE] == manifest.encode():
                return manifest
        raise lt.BlobCorrupt(f"blob {key[:6]}...: its manifest in Redis is damaged")
