"""The frames and samples of a take's files, segment after segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import av
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.muxing import READING
from longtake.media.reader import as_planes, pictures_of
from longtake.takes.parts import Part
from longtake.takes.record import SegmentRecord

__all__ = ["DecodedSegment", "decoded_segments", "frames_of"]

Frames = NDArray[np.uint8]
Audio = NDArray[np.float32]


@frozen(eq=False)
class DecodedSegment:
    """A segment of a take's file, or the end of the take, whose ``record`` has no prompt.

    ``frames``: uint8 RGB ``[T, H, W, 3]``. ``audio``: float32 ``[channels, samples]``, None in a
    take without sound.
    """

    record: SegmentRecord
    frames: Frames
    audio: Audio | None
    is_end: bool = False


def decoded_segments(parts: Sequence[Part]) -> Iterator[DecodedSegment]:
    """What the parts hold, one segment in memory at a time.

    Raises `ValidationError` naming a file that holds less than its record says.
    """
    for part in parts:
        record, pictures, sound = part.record, frames_of(part), _Sound(part)
        for segment in record.segments:
            found = [_next(part, pictures) for _ in range(segment.frames)]
            frames = np.stack(found) if found else _no_frames(part)
            yield DecodedSegment(segment, frames, sound.next(segment.samples))
        if record.ended and record.end_samples:
            end = SegmentRecord(
                index=record.segments[-1].index if record.segments else 0,
                prompt="",
                seed=None,
                first_frame=record.end_frame,
                frames=0,
                first_sample=record.end_sample - record.end_samples,
                samples=record.end_samples,
            )
            audio = sound.next(record.end_samples)
            yield DecodedSegment(end, _no_frames(part), audio, is_end=True)


def frames_of(part: Part) -> Iterator[Frames]:
    """Its pictures, each uint8 RGB ``[H, W, 3]``."""
    count = sum(segment.frames for segment in part.record.segments)
    with av.open(part.name) as source:
        yield from islice(pictures_of(source), count)


def _next(part: Part, pictures: Iterator[Frames]) -> Frames:
    try:
        return next(pictures)
    except StopIteration:
        raise ValidationError(part.name, "holds fewer pictures than its record says") from None


def _no_frames(part: Part) -> Frames:
    return np.zeros((0, part.record.height, part.record.width, 3), np.uint8)


class _Sound:
    """Hands out a file's samples in order.

    The samples that a file keeps of its end are those before they were encoded, and are there also
    where a kill has left their packets unwritten.
    """

    def __init__(self, part: Part) -> None:
        self._part = part
        self._at = part.record.first_sample
        self._parts = self._from(self._at)
        self._rest = np.zeros((part.record.channels, 0), np.float32)

    def next(self, count: int) -> Audio | None:
        if not self._part.record.channels:
            return None
        found, length = [self._rest], self._rest.shape[1]
        while length < count:
            more = next(self._parts, None)
            if more is None:
                problem = "holds less sound than its record says"
                raise ValidationError(self._part.name, problem)
            found.append(more)
            length += more.shape[1]
        joined = np.concatenate(found, axis=1)
        self._rest = joined[:, count:]
        return np.ascontiguousarray(joined[:, :count])

    def _from(self, wanted: int) -> Iterator[Audio]:
        """The sound from a sample of the take on, in pieces."""
        record, notes = self._part.record, self._part.notes
        tail = notes.segments[-1].tail if notes.segments and not record.ended else None
        until = record.end_sample if tail is None else max(tail.next_packet, record.first_sample)
        at = self._part.first_packet
        for piece in _decoded(self._part):
            begin, end = max(0, wanted - at), max(0, until - at)
            at += piece.shape[1]
            if begin < end and piece[:, begin:end].shape[1]:
                yield piece[:, begin:end]
        if tail is not None:
            pending = tail.pending(record.channels)
            yield pending.samples[:, max(0, until - pending.first) :]


def _decoded(part: Part) -> Iterator[Audio]:
    options = dict(READING[part.notes.container.note_kind])
    with av.open(part.name, options=options) as source:
        if source.streams.audio:
            for frame in source.decode(audio=0):
                yield as_planes(frame)
