"""The pixels of a PNG file that was checked, a few lines at a time.

Pillow keeps a whole picture in four bytes a pixel, beside the array that it goes to. So lines are
unpacked here, and Pillow is given some at a time to undo their filters, with the line above them.
PNG filters look no further up: W3C, Portable Network Graphics (third edition), section 9.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from longtake_ltx2.continuation.checks import refuse
from longtake_ltx2.continuation.v1.png_check import critical_chunks, pixel_data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["read_pixels"]

_STRIP = 2**14
"""Bytes that are unpacked at once, or one line."""
_ROWS = 16
"""That are copied at once from a picture that Pillow holds."""
_PIECE = 2**14
"""Bytes that are given to zlib at once, which copies what it does not use."""


class _OtherForm(Exception):
    """The file is damaged or interlaced, or has more than its pixels; Pillow knows which."""


def read_pixels(png: bytes | memoryview, pixels: NDArray[np.uint8], path: str) -> None:
    """Fill ``pixels``, uint8 ``[H, W, 3]``, with those of a file that `check_png` found so large.

    Beside them it needs some ten kilobytes; what Pillow needs when the lines do not simply
    follow each other. Raises `longtake.ValidationError` with ``path`` when Pillow cannot decode the
    file.
    """
    try:
        _read_strips(png, pixels, path)
    except _OtherForm:
        _read_at_once(png, pixels, path)


def _read_strips(png: bytes | memoryview, pixels: NDArray[np.uint8], path: str) -> None:
    import numpy as np
    from PIL import Image

    height, width, _ = pixels.shape
    line = 1 + 3 * width
    rows = max(1, _STRIP // line)
    strips = _lines(pixel_data(png, path), line * height, rows * line)
    above = bytes(line)  # its first byte says that it is not filtered
    for top, strip in zip(range(0, height, rows), strips, strict=True):
        below = top + len(strip) // line
        packed = zlib.compress(above + strip, 0)
        try:
            picture = Image.frombytes("RGB", (width, 1 + below - top), packed, "zip", "RGB", 0)
        except (OSError, ValueError):
            raise _OtherForm from None
        pixels[top:below] = np.asarray(picture)[1:]
        above = b"\0" + pixels[below - 1].tobytes()


def _lines(packed: Iterable[memoryview], size: int, strip: int) -> Iterator[bytes]:
    """The ``size`` bytes of the filtered lines, ``strip`` at a time; no less, and no more."""
    inflater, found, left = zlib.decompressobj(), bytearray(), size
    pieces = (data[at : at + _PIECE] for data in packed for at in range(0, len(data), _PIECE))
    try:
        for piece in pieces:
            rest: bytes | memoryview = piece
            while len(rest):
                if inflater.eof:
                    raise _OtherForm
                found += inflater.decompress(rest, min(strip, left) - len(found) or 1)
                rest = inflater.unconsumed_tail
                if left and len(found) == min(strip, left):
                    left -= len(found)
                    yield bytes(found)
                    found.clear()
        if left or found or not inflater.eof or inflater.unused_data:
            raise _OtherForm
    except zlib.error:
        raise _OtherForm from None


def _read_at_once(png: bytes | memoryview, pixels: NDArray[np.uint8], path: str) -> None:
    import numpy as np
    from PIL import Image

    try:
        with io.BytesIO(critical_chunks(png, path)) as file:  # which Pillow keeps, if it is open
            image = Image.open(file, formats=("PNG",))
            image.load()
    except (OSError, SyntaxError, ValueError) as error:
        refuse(path, f"is a damaged PNG file: {error}")
    height, width, _ = pixels.shape
    for top in range(0, height, _ROWS):  # for Pillow gives them by way of two copies
        below = min(height, top + _ROWS)
        pixels[top:below] = np.asarray(image.crop((0, top, width, below)))
