"""Whether bytes are one whole, undamaged 8-bit RGB PNG file, before anything is decoded.

Pillow does the decoding. It does not compare the checksums of the pixel data, takes the last of
several headers for the size, and acts on chunks that have nothing to do with the pixels; so a file
from outside is checked here, and Pillow is given only its critical chunks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from longtake_ltx2.continuation.checks import refuse

__all__ = ["check_png", "critical_chunks", "pixel_data"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB_8_BIT = (8, 2)
_PLAIN = bytes(3)
"""Compression and filter method, of which there is one each, and no interlacing."""
_MAX_CHUNKS = 65_536
_MAX_DEFLATE_RATIO = 1032
"""What deflate can gain at most (zlib's technical details)."""


def check_png(png: bytes | memoryview, path: str) -> tuple[int, int]:
    """The (width, height) that an RGB PNG file has.

    Raises `longtake.ValidationError` when it is something else, or when it holds too little data
    for the size that it claims.
    """
    header = b""
    data_bytes = 0
    for kind, chunk in _critical(png, path):
        if kind == b"IHDR":
            header = bytes(chunk[8:-4])
        elif kind == b"IDAT":
            data_bytes += len(chunk) - 12
    width, height = _size(header, path)
    if (3 * width + 1) * height > _MAX_DEFLATE_RATIO * data_bytes:
        refuse(path, f"says {width}x{height}, but holds only {data_bytes} bytes of pixel data")
    return width, height


def critical_chunks(png: bytes | memoryview, path: str) -> bytes | memoryview:
    """The file without the chunks that don't matter to its pixels; itself when it has none."""
    chunks = [chunk for _, chunk in _critical(png, path)]
    if len(_SIGNATURE) + sum(map(len, chunks)) == len(png):
        return png
    return b"".join((_SIGNATURE, *chunks))


def pixel_data(png: bytes | memoryview, path: str) -> list[memoryview]:
    """The packed lines of the file, in pieces; none when they do not simply follow each other."""
    chunks = list(_critical(png, path))
    if chunks[0][1][18:-4] != _PLAIN or len(chunks[-1][1]) != 12:
        return []
    return [chunk[8:-4] for kind, chunk in chunks if kind == b"IDAT"]


def _size(header: bytes, path: str) -> tuple[int, int]:
    if len(header) != 13:
        refuse(path, "has a damaged PNG header")
    if (header[8], header[9]) != _RGB_8_BIT:
        refuse(path, f"has bit depth {header[8]} and colour type {header[9]}; must be 8-bit RGB")
    return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")


def _critical(png: bytes | memoryview, path: str) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks that make the pixels: one IHDR first, IDAT, one IEND last."""
    kinds = set()
    for index, (kind, chunk) in enumerate(_chunks(png, path)):
        if index >= _MAX_CHUNKS:
            refuse(path, f"has more than {_MAX_CHUNKS} PNG chunks")
        if (kind == b"IHDR") != (index == 0) or b"IEND" in kinds:
            refuse(path, "has PNG chunks out of order")
        kinds.add(kind)
        if kind in (b"IHDR", b"IDAT", b"IEND"):
            yield kind, chunk
        elif kind[:1].isupper() and kind != b"PLTE":
            refuse(path, f"has an unknown critical PNG chunk {kind!r}")
    if not {b"IDAT", b"IEND"} <= kinds:
        refuse(path, "is a PNG file that was cut short")


def _chunks(png: bytes | memoryview, path: str) -> Iterator[tuple[bytes, memoryview]]:
    """The type of every chunk, and the chunk with its length and checksum."""
    view = memoryview(png)
    if bytes(view[: len(_SIGNATURE)]) != _SIGNATURE:
        refuse(path, "is not a PNG file")
    start = len(_SIGNATURE)
    while start < len(view):
        end = start + 12 + int.from_bytes(view[start : start + 4], "big")
        if end > len(view):
            refuse(path, "is a PNG file that was cut short")
        if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            refuse(path, "is a damaged PNG file: a checksum does not match")
        yield bytes(view[start + 4 : start + 8]), view[start:end]
        start = end
