"""WAV files that grow: players read one chunk of data, so the pieces are put into one.

A take's pieces come as the chunks that each of them would have in a file of its own: the header of
the first, then data and notes in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import SEEK_END, BytesIO
from typing import BinaryIO

from attrs import frozen

from longtake.errors import OutputError

__all__ = ["flowing", "join_chunks"]

_MOST = 2**32 - 1
"""Bytes that a chunk's length can say."""


@frozen
class _Chunk:
    """A chunk of ``source``: its content is ``size`` bytes from ``content`` on."""

    source: BinaryIO
    kind: bytes
    content: int
    size: int


def join_chunks(sources: Sequence[BinaryIO], target: BinaryIO) -> None:
    """Write to ``target`` the pieces in ``sources``: one chunk of data, then all notes.

    Raises `OutputError` for more than the 4 GiB that a WAV file can hold.
    """
    chunks = [chunk for source in sources for chunk in _chunks_of(source)]
    data = [chunk for chunk in chunks if chunk.kind == b"data"]
    notes = [chunk for chunk in chunks if chunk.kind == b"ltnt"]
    head = [chunk for chunk in chunks if chunk.kind in (b"fmt ", b"fact")]
    total = sum(chunk.size for chunk in data)
    length = 4 + sum(8 + chunk.size for chunk in [*head, *notes]) + 8 + total
    if length > _MOST:
        raise OutputError("the take", "is longer than the 4 GiB of a .wav file; write a .mkv file")
    target.write(b"RIFF" + length.to_bytes(4, "little") + b"WAVE")
    for chunk in head:
        _copy(chunk, target, with_header=True)
    target.write(b"data" + total.to_bytes(4, "little"))
    for chunk in data:
        _copy(chunk, target, with_header=False)
    for chunk in notes:
        _copy(chunk, target, with_header=True)


def flowing(piece: bytes) -> bytes:
    """The bytes of a piece in a stream, whose one chunk of data never ends; it has no notes."""
    source, target = BytesIO(piece), BytesIO()
    chunks = list(_chunks_of(source))
    if piece[:4] == b"RIFF":
        target.write(b"RIFF" + _MOST.to_bytes(4, "little") + b"WAVE")
        for chunk in chunks:
            if chunk.kind == b"fmt ":
                _copy(chunk, target, with_header=True)
        target.write(b"data" + _MOST.to_bytes(4, "little"))
    for chunk in chunks:
        if chunk.kind == b"data":
            _copy(chunk, target, with_header=False)
    return target.getvalue()


def _chunks_of(source: BinaryIO) -> Iterator[_Chunk]:
    length = source.seek(0, SEEK_END)
    source.seek(0)
    at = 12 if source.read(4) == b"RIFF" else 0
    while at + 8 <= length:
        source.seek(at)
        header = source.read(8)
        size = min(int.from_bytes(header[4:], "little"), length - at - 8)
        yield _Chunk(source, header[:4], at + 8, size)
        at += 8 + size + size % 2


def _copy(chunk: _Chunk, target: BinaryIO, *, with_header: bool) -> None:
    if with_header:
        target.write(chunk.kind + chunk.size.to_bytes(4, "little"))
    chunk.source.seek(chunk.content)
    left = chunk.size
    while left:
        block = chunk.source.read(min(left, 2**20))
        if not block:
            raise OSError("the file became shorter while it was read")
        target.write(block)
        left -= len(block)
