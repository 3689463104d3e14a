"""Frames as PNG files, and several PNG files as one blob.

The blob is ``count:u32be``, then ``length:u32be`` and the PNG for each frame.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

import longtake as lt
from longtake_ltx2.continuation.checks import refuse
from longtake_ltx2.continuation.v1.png_check import check_png
from longtake_ltx2.continuation.v1.png_pixels import read_pixels
from longtake_ltx2.sizes import MAX_PIXELS, MAX_SIDE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "MAX_ENCODED_BYTES",
    "MAX_FRAMES",
    "EncodedFile",
    "decode_frames",
    "encode_frames",
    "most_frames",
    "unpack_frames",
]

EncodedFile: TypeAlias = "Callable[[], bytes | memoryview]"
"""Gives a file, which need not be there before it is asked for."""

MAX_FRAMES = 1025
MAX_ENCODED_BYTES = 2**30
"""Of all PNG files of a state together."""
_THREADS = 2
"""Each holds its frame a second time, in Pillow's four bytes a pixel."""
_RUN_LENGTHS = 3
"""zlib's Z_RLE: of pixels less their neighbours as good as the default, in a fraction of the time
(https://zlib.net/manual.html)."""
SOUND_BYTES = 2**20
"""Room that a state with frames needs for its audio latents, or more: those of a minute."""


def most_frames(width: int, height: int, *, room: int | None = None) -> int:
    """How many frames of this size a state can carry.

    ``room``: bytes that they may take, decoded; PNG files may be a thousandth of that, so their own
    size is no bound. None: what a whole state may take, less its sound.
    """
    if room is None:
        room = lt.StateBudget().left - SOUND_BYTES
    return max(0, min(MAX_FRAMES, lt.StateLimits.current().frames, room // (3 * width * height)))


def encode_frames(frames: Sequence[NDArray[np.uint8]], path: str, budget: lt.StateBudget) -> bytes:
    """The blob of one lossless PNG for each uint8 ``[H, W, 3]`` RGB frame.

    ``budget``: of the state that they are written in, which must be able to be read. Raises
    `longtake.ValidationError`, with ``path`` and the index, for a frame of another form or of
    another size than the first one.
    """
    _check_count(len(frames), path)
    for index, frame in enumerate(frames):
        _check_array(frame, f"{path}[{index}]")
    _check_sizes([(frame.shape[1], frame.shape[0]) for frame in frames], path, budget)
    blob = io.BytesIO()  # its value is what it holds, without a copy
    blob.write(len(frames).to_bytes(4, "big"))
    with ThreadPoolExecutor(_THREADS) as executor:
        for png in executor.map(_encode, frames):
            blob.write(len(png).to_bytes(4, "big"))
            blob.write(png)
    return blob.getvalue()


def decode_frames(
    pngs: Sequence[EncodedFile], path: str, budget: lt.StateBudget
) -> tuple[NDArray[np.uint8], ...]:
    """The uint8 ``[H, W, 3]`` RGB frames of PNG files.

    All files are checked whole, and have their room in ``budget``, before the first one is decoded.
    Each is asked for when it is looked at, so that only one needs to be there at a time. Raises
    `longtake.ValidationError`, with ``path`` and the index, for anything but undamaged 8-bit RGB
    files of one size.
    """
    import numpy as np

    _check_count(len(pngs), path)
    sizes = [check_png(png(), f"{path}[{index}]") for index, png in enumerate(pngs)]
    _check_sizes(sizes, path, budget)
    width, height = sizes[0]
    # All rooms come first: what passes between them would leave gaps that no frame fits into.
    frames = tuple(np.empty((height, width, 3), np.uint8) for _ in pngs)
    for index, (png, frame) in enumerate(zip(pngs, frames, strict=True)):
        read_pixels(png(), frame, f"{path}[{index}]")
    return frames


def unpack_frames(blob: memoryview, path: str) -> tuple[memoryview, ...]:
    """The PNG files of a blob, without copying them.

    Raises `longtake.ValidationError` when it is cut short or has bytes left over.
    """
    if len(blob) < 4:
        refuse(path, "the blob is too short to be frames")
    count = int.from_bytes(blob[:4], "big")
    _check_count(count, path)
    return tuple(_unpack(blob, count, path))


def _unpack(blob: memoryview, count: int, path: str) -> Iterator[memoryview]:
    start = 4
    for index in range(count):
        begin = start + 4
        end = begin + int.from_bytes(blob[start:begin], "big")
        if begin > len(blob) or end > len(blob):
            refuse(f"{path}[{index}]", "the blob ends before this frame does")
        yield blob[begin:end]
        start = end
    if start != len(blob):
        refuse(path, f"the blob has {len(blob) - start} bytes after its last frame")


def _check_count(count: int, path: str) -> None:
    most = min(MAX_FRAMES, lt.StateLimits.current().frames)
    if not 1 <= count <= most:
        refuse(path, f"holds {count} frames; must be from 1 to {most}")


def _check_array(frame: object, path: str) -> None:
    import numpy as np

    if not isinstance(frame, np.ndarray):
        refuse(path, f"is of type {type(frame).__name__}; must be a uint8 array [H, W, 3]")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        refuse(path, f"is {frame.dtype} {list(frame.shape)}; must be uint8 [H, W, 3]")


def _check_sizes(sizes: Sequence[tuple[int, int]], path: str, budget: lt.StateBudget) -> None:
    """Check every (width, height) before memory is taken for any of them."""
    most_pixels = min(MAX_PIXELS, budget.limits.pixels)
    for index, (width, height) in enumerate(sizes):
        if not all(1 <= side <= MAX_SIDE for side in (width, height)):
            refuse(f"{path}[{index}]", f"is {width}x{height}; a side is from 1 to {MAX_SIDE}")
        if width * height > most_pixels:
            refuse(f"{path}[{index}]", f"is {width}x{height}; more than {most_pixels} pixels")
        if (width, height) != sizes[0]:
            first = "{}x{}".format(*sizes[0])
            refuse(f"{path}[{index}]", f"is {width}x{height}, but the first frame is {first}")
    width, height = sizes[0]
    most = most_frames(width, height, room=budget.left)
    if len(sizes) > most:
        problem = f"has {len(sizes)} frames of {width}x{height}; a state has at most"
        refuse(path, f"{problem} {most} of this size (LONGTAKE_STATE_BYTES allows more)")
    budget.take(3 * width * height * len(sizes), path)


def _encode(frame: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    image = Image.fromarray(frame)
    image.save(file, "PNG", compress_level=1, compress_type=_RUN_LENGTHS)
    return file.getvalue()
