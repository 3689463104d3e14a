"""A take's stream as it is at one moment: what a player may ask for, and the bytes of it."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from fractions import Fraction

from attrs import evolve, field, frozen

import longtake as lt
from longtake_serve.media.pieces import StreamPiece, end_of, piece_of
from longtake_serve.media.playlist import PlaylistEntry, playlist_text

__all__ = [
    "StreamEntry",
    "StreamNotFound",
    "TakeStream",
    "TakeStreams",
    "entries_of",
    "initialization_name",
]

_AT_ONCE = 500
_TAKES = 64
"""Whose segments are remembered, so that only new ones are read."""


class StreamNotFound(lt.LongtakeError, KeyError):
    """The take has no such part of a stream."""

    def __str__(self) -> str:
        return str(self.args[0])


@frozen(kw_only=True, eq=False)
class StreamEntry:
    """One segment as players see it: one piece, or several where the first have no sound.

    Players drop pictures that come without sound, so those wait for it. ``end``: the last sound of
    a take that is finished, which is in no blob.
    """

    name: str
    pieces: tuple[StreamPiece, ...] = field(repr=False)
    seconds: Fraction
    initialization: bytes = field(repr=False)
    end: bytes = field(default=b"", repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(piece.size for piece in self.pieces) + len(self.end)


@frozen(kw_only=True, eq=False)
class TakeStream:
    """The stream of a take: ``entries`` in order, and whether the take is ``finished``.

    Names never mean other bytes, also after the take was rewound, so they may be cached for ever.
    """

    entries: tuple[StreamEntry, ...]
    finished: bool
    blobs: lt.BlobStore = field(repr=False)

    def playlist(self) -> str:
        """The list of what is there. Without entries there is none: raises `StreamNotFound`."""
        if not self.entries:
            raise StreamNotFound("the take has no segment yet, so nothing to play")
        listed = [
            PlaylistEntry(
                uri=entry.name,
                initialization=initialization_name(entry.initialization),
                seconds=entry.seconds,
            )
            for entry in self.entries
        ]
        return playlist_text(listed, finished=self.finished)

    def initialization(self, name: str) -> bytes:
        """The bytes of this ``init-….mp4``. Raises `StreamNotFound`."""
        for entry in self.entries:
            if initialization_name(entry.initialization) == name:
                return entry.initialization
        raise StreamNotFound(f"the stream has no {name[:100]!r}")

    def fragment(self, name: str) -> bytes:
        """The bytes of this ``….m4s``. Raises `StreamNotFound`."""
        for entry in self.entries:
            if entry.name == name:
                return b"".join(self.parts_of(entry))
        raise StreamNotFound(f"the stream has no {name[:100]!r}")

    def parts_of(self, entry: StreamEntry) -> Iterator[bytes | memoryview]:
        """Its bytes, one piece in memory at a time."""
        for piece in entry.pieces:
            yield self.blobs.get(piece.blob_id)
        if entry.end:
            yield entry.end


@frozen
class _Known:
    """A segment of a take, and its piece. ``attempt``: no other segment has it."""

    index: int
    attempt: str
    media: tuple[str, ...]
    piece: StreamPiece = field(repr=False)

    def is_of(self, segment: lt.SessionSegment) -> bool:
        """Whether it is this one."""
        return (self.index, self.attempt) == (segment.index, segment.attempt)


class TakeStreams:
    """Reads the streams of sessions that were rolled with `StreamMedia`, from any thread.

    What is read of a segment is remembered with its take, for it never changes.
    """

    def __init__(self, sessions: lt.SessionStore, blobs: lt.BlobStore) -> None:
        self._sessions = sessions
        self._blobs = blobs
        self._takes: OrderedDict[str, tuple[_Known, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, session_id: str, *, finished: bool = False) -> TakeStream:
        """The stream as it is now: of the segments that are committed, and so there for all.

        ``finished``: whether the take is over; the last of its sound is there only then. Raises
        `longtake.SessionNotFound`, and `longtake.ValidationError` for a session that was rolled
        without `StreamMedia`.
        """
        segments = self._segments(session_id)
        entries, waiting = entries_of([(each.index, each.piece) for each in segments])
        if finished and segments:
            entries += self._last(segments[-1], waiting)
        return TakeStream(entries=tuple(entries), finished=finished, blobs=self._blobs)

    def _segments(self, session_id: str) -> tuple[_Known, ...]:
        """All of the take's, of which those that are known are not read again."""
        with self._lock:
            known = list(self._takes.get(session_id, ()))
        while True:
            # The last one that is known comes first, and tells whether the take was rewound.
            page = self._sessions.history(session_id, start=max(0, len(known) - 1), limit=_AT_ONCE)
            if known and not (page and known[-1].is_of(page[0])):
                known = []
                continue
            for each in page[1:] if known else page:
                known.append(self._read(each, known[-1:]))
            if len(page) < _AT_ONCE:
                break
        read = tuple(known)
        with self._lock:
            self._takes[session_id] = read
            self._takes.move_to_end(session_id)
            if len(self._takes) > _TAKES:
                self._takes.popitem(last=False)
        return read

    def _read(self, segment: lt.SessionSegment, before: Sequence[_Known]) -> _Known:
        piece = piece_of(segment.media, self._blobs)
        for each in before:  # all of a take begin alike: the bytes are kept once
            if each.piece.initialization == piece.initialization:
                piece = evolve(piece, initialization=each.piece.initialization)
        return _Known(segment.index, segment.attempt, tuple(segment.media), piece)

    def _last(self, last: _Known, waiting: list[tuple[int, StreamPiece]]) -> list[StreamEntry]:
        """What waited for sound, and the end of the sound."""
        end = end_of(last.media, self._blobs)
        if end is None and not waiting:
            return []
        data = b"" if end is None else end.fragment
        pieces = tuple(piece for _, piece in waiting)
        seconds = sum((piece.seconds for piece in pieces), Fraction(0))
        if end is not None and not pieces:
            seconds = end.seconds
        digest = hashlib.sha256(data).hexdigest()[:16]
        return [
            StreamEntry(
                name=f"{waiting[0][0] if waiting else 'end'}-{digest}.m4s",
                pieces=pieces,
                seconds=seconds,
                initialization=last.piece.initialization,
                end=data,
            )
        ]


def initialization_name(data: bytes) -> str:
    """The name of these bytes in a list."""
    return f"init-{hashlib.sha256(data).hexdigest()[:16]}.mp4"


def entries_of(
    pieces: Sequence[tuple[int, StreamPiece]],
) -> tuple[list[StreamEntry], list[tuple[int, StreamPiece]]]:
    """The entries, and the pieces that wait for sound."""
    entries: list[StreamEntry] = []
    waiting: list[tuple[int, StreamPiece]] = []
    for index, piece in pieces:
        waiting.append((index, piece))
        if piece.has_sound or not piece.expects_sound:
            entries.append(
                StreamEntry(
                    name=f"{waiting[0][0]}-{piece.digest}.m4s",
                    pieces=tuple(each for _, each in waiting),
                    seconds=sum((each.seconds for _, each in waiting), Fraction(0)),
                    initialization=piece.initialization,
                )
            )
            waiting = []
    return entries, waiting
