"""The notes in a take's file: its record, and the sound that joining and going on need exactly."""

from __future__ import annotations

import json
import os

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.formats import ContainerFormat, container_format
from longtake.media.notes import PlacedNote, read_notes
from longtake.media.sound_runs import PendingSound
from longtake.schema.wire import structure, unstructure
from longtake.takes.record import SegmentRecord, TakeRecord

__all__ = [
    "NotedSegment",
    "SoundTail",
    "TakeNote",
    "TakeNotes",
    "read_take_notes",
    "read_take_record",
]


@frozen(kw_only=True)
class SoundTail:
    """The end of the sound after a segment: a `PendingSound` as bytes.

    ``samples``: little-endian float32 ``[channels, n]``.
    """

    samples: bytes
    first: int
    next_packet: int

    @classmethod
    def of(cls, pending: PendingSound) -> SoundTail:
        """The document of ``pending``."""
        data = np.ascontiguousarray(pending.samples, "<f4").tobytes()
        return cls(samples=data, first=pending.first, next_packet=pending.next_packet)

    def pending(self, channels: int) -> PendingSound:
        """The inverse of `of`. Raises `ValidationError` for bytes that are no such samples."""
        return PendingSound(as_samples(self.samples, channels), self.first, self.next_packet)


def as_samples(data: bytes, channels: int) -> NDArray[np.float32]:
    """Float32 ``[channels, n]`` of little-endian bytes. Raises `ValidationError`."""
    if not channels or len(data) % (4 * channels):
        raise ValidationError("samples", f"{len(data)} bytes are no sound of {channels} channels")
    return np.frombuffer(data, "<f4").reshape(channels, -1).astype(np.float32)


@frozen(kw_only=True)
class NotedSegment:
    """A segment, and of its sound, where it is AAC, what others need.

    ``tail``: the end of the sound so far, for what follows it. ``opening``: its first samples, as
    far as what comes before the file changes how they are encoded; see `SoundTail.samples`.
    """

    segment: SegmentRecord
    tail: SoundTail | None = None
    opening: bytes | None = None


@frozen(kw_only=True)
class TakeNote:
    """One note: what it adds to those before it.

    ``record``: without segments. ``ending``: the first samples of the end of the take, as
    `NotedSegment.opening` has a segment's. ``finished``: whether the file is a plain one, and this
    its only note. ``version``: of this form.
    """

    version: int = 1
    record: TakeRecord | None = None
    segments: tuple[NotedSegment, ...] = ()
    ending: bytes | None = None
    finished: bool = False

    def data(self) -> bytes:
        """JSON text of it."""
        return json.dumps(unstructure(self), separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def from_data(cls, data: bytes, path: str) -> TakeNote:
        """The inverse of `data`. Raises `ValidationError` naming ``path``, the file."""
        try:
            document = json.loads(data)
            version = document.get("version") if isinstance(document, dict) else None
            if version != 1:
                raise ValidationError("version", f"is {version!r}; this Longtake reads 1")
            return structure(document, cls)
        except (ValueError, RecursionError) as error:
            raise ValidationError(path, f"has a note that cannot be read: {error}") from None


@frozen(kw_only=True)
class TakeNotes:
    """All notes of a file.

    ``record``: the whole one. ``segments``: as in it. ``ends``: where in the file the note of each
    segment ends, in bytes; ``end``: where the last note ends. ``finished``: whether it is a plain
    file, or one that was still growing.
    """

    record: TakeRecord
    segments: tuple[NotedSegment, ...]
    ends: tuple[int, ...]
    end: int
    ending: bytes | None
    finished: bool
    container: ContainerFormat


def read_take_record(path: str | os.PathLike[str]) -> TakeRecord:
    """The record in a take's file, finished or still growing.

    Raises `ValidationError` naming the file when it is none that `TakeWriter` wrote, or is damaged.
    """
    return read_take_notes(path).record


def read_take_notes(path: str | os.PathLike[str]) -> TakeNotes:
    """The notes in the file at ``path``, as `read_take_record` reads them."""
    name = os.fspath(path)
    container = container_format(name)
    if container is None:
        raise ValidationError(name, "is no take: its name has the suffix of no kind of take")
    try:
        placed = read_notes(name, container)
    except OSError as error:
        raise ValidationError(name, f"cannot be read: {error.strerror or error}") from None
    return _joined(name, container, placed)


def _joined(name: str, container: ContainerFormat, placed: list[PlacedNote]) -> TakeNotes:
    record: TakeRecord | None = None
    segments: list[NotedSegment] = []
    ends: list[int] = []
    ending, finished = None, False
    for each in placed:
        note = TakeNote.from_data(each.data, name)
        record = note.record or record
        ending, finished = note.ending, note.finished
        segments += note.segments
        ends += [each.end] * len(note.segments)
    if record is None:
        raise ValidationError(name, "has no record of a take; lt.TakeWriter writes one")
    whole = evolve(record, segments=tuple(each.segment for each in segments))
    return TakeNotes(
        record=whole,
        segments=tuple(segments),
        ends=tuple(ends),
        end=placed[-1].end,
        ending=ending,
        finished=finished,
        container=container,
    )
