"""The whole of a take's stream as one MP4 file, any part of which can be read."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

import longtake as lt
from longtake_serve.media.stream import TakeStream

__all__ = ["WholeTake"]


class WholeTake:
    """The file that a stream's initialization segment and its fragments are, one after another.

    Players begin with it before all of it is there, and nothing has to be made for it: a part of it
    is read from the fragments that it lies in, so equal parts are equal bytes on every server.
    Raises `longtake.ValidationError` for a stream whose segments do not share one initialization.
    """

    def __init__(self, stream: TakeStream) -> None:
        initializations = {entry.initialization for entry in stream.entries}
        if len(initializations) != 1:
            problem = f"needs segments of one kind, and has {len(initializations)}"
            raise lt.ValidationError("stream", f"{problem}; join the session's own media instead")
        self._stream = stream
        (self._initialization,) = initializations
        sizes = [len(self._initialization), *(entry.size for entry in stream.entries)]
        self._ends = list(accumulate(sizes))

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._ends[-1]

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Bytes ``start`` to ``stop`` (not included), a segment in memory at a time.

        What is beyond the end is left out, as in a slice. Raises `longtake.ValidationError` unless
        ``0 <= start <= stop``.
        """
        last = self.size if stop is None else min(stop, self.size)
        if start < 0 or (stop is not None and stop < start):
            raise lt.ValidationError("start", f"{start} to {stop} is no range; 0 <= start <= stop")
        number = bisect_right(self._ends, start)
        while start < last:
            begin = self._ends[number - 1] if number else 0
            part = self._part(number)[start - begin : last - begin]
            yield part
            start, number = start + len(part), number + 1

    def open(self) -> io.BufferedReader:
        """The file, to be read by what reads files."""
        return io.BufferedReader(_Raw(self), 2**16)

    def _part(self, number: int) -> bytes:
        if number == 0:
            return self._initialization
        return b"".join(self._stream.parts_of(self._stream.entries[number - 1]))


class _Raw(io.RawIOBase):
    def __init__(self, take: WholeTake) -> None:
        self._take = take
        self._at = 0
        self._begin, self._piece = 0, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._take.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        within = self._at - self._begin
        if not 0 <= within < len(self._piece):
            self._begin, within = self._at, 0
            self._piece = next(self._take.read(self._at), b"")
        data = self._piece[within : within + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
