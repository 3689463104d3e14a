"""Going on with a take's file, behind the segment that a state follows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np
from attrs import evolve, frozen

from longtake.errors import OutputError, ValidationError
from longtake.media.encoder import TakeEncoder, TakeFormat, TakePlace
from longtake.media.notes import note_bytes
from longtake.media.regrowing import Kept, fragments_of
from longtake.media.sound_runs import BLOCK, PendingSound
from longtake.media.take_file import TakeFile
from longtake.media.targets import FileTarget, file_target
from longtake.media.writer import check_output
from longtake.takes.growing import GrowingTake, OpenTarget
from longtake.takes.notes import NotedSegment, TakeNote, TakeNotes, read_take_notes
from longtake.takes.record import TakeRecord, TakeRequest

__all__ = ["Resumed", "resumed_take"]

_COPIED_BYTES = 2**20


@frozen
class Resumed:
    """Where a take goes on: ``head`` is its record, and ``take`` None where nothing is kept."""

    target: OpenTarget
    head: TakeRecord
    take: GrowingTake | None


def resumed_take(
    path: str | os.PathLike[str],
    state: str | None,
    *,
    planned: Sequence[str] | None,
    asked: TakeRequest | None,
    mode: int | None,
) -> Resumed:
    """The take in the file at ``path`` behind the segment that the state with this digest follows.

    Nothing is changed yet. Raises as `TakeWriter.resume` says.
    """
    name = os.fspath(path)
    if not os.path.isfile(name):
        raise OutputError(name, "is no file, so there is no take to go on with")
    check_output(name)
    notes = read_take_notes(name)
    record = _record_of(notes.record, planned, asked)
    if state == record.begins_after:
        target = file_target(os.path.realpath(name), notes.container, mode=mode)
        return Resumed(OpenTarget(name, notes.container, target), record, None)
    count = _count_after(name, notes, state)
    segments = notes.segments[:count]
    encoder = _encoder(name, notes, segments, record)
    target = _target(os.path.realpath(name), notes, count, encoder, record, mode)
    opened = OpenTarget(name, notes.container, target)
    # Fragments are counted upwards, and no segment has more than one.
    file = TakeFile(name, target, notes.container, encoder, fragments=count + 1)
    growing = not notes.finished and notes.end == notes.ends[count - 1]
    take = GrowingTake(opened, file, record, segments, resumed=True, growing=growing)
    return Resumed(opened, record, take)


def _count_after(name: str, notes: TakeNotes, state: str | None) -> int:
    found = [n for n, each in enumerate(notes.record.segments, 1) if each.state == state]
    if not found:
        segments = notes.record.segments
        held = f"segments {segments[0].index} to {segments[-1].index}" if segments else "none"
        problem = f"holds no segment that the state follows (it holds {held} of its take)"
        raise ValidationError(name, f"{problem}; name the file that the state was written with")
    return found[0]


def _record_of(
    record: TakeRecord, planned: Sequence[str] | None, asked: TakeRequest | None
) -> TakeRecord:
    """The facts of the file, without its segments, which say themselves what they are."""
    return evolve(
        record,
        segments=(),
        ended=False,
        end_samples=0,
        asked=asked if asked == record.asked else None,
        planned=record.planned if planned is None else tuple(planned),
    )


def _encoder(
    name: str, notes: TakeNotes, segments: Sequence[NotedSegment], record: TakeRecord
) -> TakeEncoder:
    whole = evolve(record, segments=tuple(each.segment for each in segments))
    tail, pending = segments[-1].tail, None
    if tail is not None:
        pending = tail.pending(record.channels)
    elif record.channels and notes.container.audio_in_runs:
        problem = "can be gone on with only behind one of its last two segments"
        raise ValidationError(name, f"{problem}, not behind segment {whole.segments[-1].index}")
    elif record.channels:
        nothing = np.zeros((record.channels, 0), np.float32)
        pending = PendingSound(nothing, whole.end_sample, whole.end_sample)
    return TakeEncoder(
        notes.container,
        TakeFormat(record.height, record.width, record.channels, record.sample_rate),
        record.fps,
        TakePlace(record.first_frame, record.first_sample),
        frames=whole.end_frame - record.first_frame,
        pending=pending,
    )


def _target(
    path: str,
    notes: TakeNotes,
    count: int,
    encoder: TakeEncoder,
    record: TakeRecord,
    mode: int | None,
) -> FileTarget:
    """The file: added to, or, where it holds more or is finished, replaced by the next segment."""
    kept = notes.ends[count - 1]
    container = notes.container
    if not notes.finished and notes.end == kept:
        return file_target(path, container, mode=mode, goes_on_from=kept)
    together = notes.ends[count : count + 1] == (kept,) or container.note_kind == "chunk"
    beginning = _prefix(kept)
    if notes.finished or together:  # no prefix of the file is what is kept
        note = TakeNote(record=record, segments=notes.segments[:count])
        beginning = _regrown(notes, encoder, note.data())
    return file_target(path, container, mode=mode, beginning=beginning)


def _prefix(length: int) -> Callable[[BinaryIO, BinaryIO], None]:
    def write(old: BinaryIO, new: BinaryIO) -> None:
        old.seek(0)
        for start in range(0, length, _COPIED_BYTES):
            new.write(old.read(min(_COPIED_BYTES, length - start)))

    return write


def _regrown(
    notes: TakeNotes, encoder: TakeEncoder, note: bytes
) -> Callable[[BinaryIO, BinaryIO], None]:
    first = notes.record.first_sample
    kept = Kept(
        frames=encoder.frames,
        samples=encoder.pending.end - first,
        packets=(encoder.pending.next_packet - encoder.zero_sample - encoder.audio_start) // BLOCK,
    )

    def write(old: BinaryIO, new: BinaryIO) -> None:
        for data in fragments_of(old, notes.container, encoder, kept):
            new.write(data)
        new.write(note_bytes(notes.container, note))

    return write
