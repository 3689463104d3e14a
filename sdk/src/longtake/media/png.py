"""What of a PNG file its picture needs; the rest may unpack to any size and is left out.

Chunk layout: W3C, Portable Network Graphics (third edition), sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from longtake.errors import ValidationError

__all__ = ["SIGNATURE", "picture_of"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"cICP"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type."""

_PIECE = 2**16
_STEP = 2**20


def picture_of(data: bytes, *, max_pixels: int) -> bytes:
    """The file without its text, colour profile and the like.

    Raises `ValidationError` for one that is cut off, has more than ``max_pixels``, or whose
    pixels unpack to more than its size says.
    """
    chunks = [(kind, chunk) for kind, chunk in _chunks(data) if kind in _NEEDED]
    if len(chunks[0][1]) < 20 or chunks[0][0] != b"IHDR":
        raise ValidationError("data", "is a damaged PNG: it does not begin with its size")
    width, height, depth, colours = struct.unpack(">IIBB", chunks[0][1][8:18])
    if not 0 < width * height <= max_pixels:
        problem = f"is {width} x {height}; at most {max_pixels} pixels are taken, and at least one"
        raise ValidationError("data", problem)
    # Each line has one byte more; an interlaced picture has at most twice as many lines.
    most = 2 * height * (width * _CHANNELS.get(colours, 0) * depth // 8 + 2)
    _check_unpacked((chunk[8:-4] for kind, chunk in chunks if kind == b"IDAT"), most)
    return SIGNATURE + b"".join(chunk for _, chunk in chunks)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and bytes of every chunk up to the end, length and checksum included."""
    view, start, kind = memoryview(data), len(SIGNATURE), b""
    while kind != b"IEND":
        if start + 12 > len(data):
            raise ValidationError("data", "is a PNG that is cut off")
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        if end > len(data):
            raise ValidationError("data", "is a PNG that is cut off")
        yield kind, view[start:end]
        start = end


def _check_unpacked(packed: Iterator[memoryview], most: int) -> None:
    """Raise `ValidationError` when ``packed`` unpacks to more than ``most`` bytes."""
    inflater, left = zlib.decompressobj(), most
    pieces = (chunk[at : at + _PIECE] for chunk in packed for at in range(0, len(chunk), _PIECE))
    try:
        for piece in pieces:
            rest: bytes | memoryview = piece
            while rest and not inflater.eof:
                left -= len(inflater.decompress(rest, _STEP))
                rest = inflater.unconsumed_tail
                if left < 0:
                    raise ValidationError("data", "is a PNG that unpacks to more than its size")
    except zlib.error as error:
        raise ValidationError("data", f"is a damaged PNG: {error}") from None
