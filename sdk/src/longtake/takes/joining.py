"""The files of a take as one: what one process would have written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain

import numpy as np
from attrs import evolve

from longtake.durable import replacement, scratch_beside
from longtake.errors import OutputError
from longtake.media.animations import animation_format, write_animation
from longtake.media.encoder import TakeEncoder
from longtake.media.formats import ContainerFormat
from longtake.media.muxing import Encoded, FragmentMuxer, remux
from longtake.media.notes import append_note
from longtake.media.sound_runs import OPENING, Opening, PendingSound
from longtake.media.splicing import SplicedFile, fragments_of_files
from longtake.media.streams import TakeFormat, TakePlace
from longtake.media.take_file import reporting
from longtake.media.writer import check_output
from longtake.takes.decoding import frames_of
from longtake.takes.growing import finished_note, tags_of
from longtake.takes.notes import NotedSegment, SoundTail, as_samples
from longtake.takes.parts import Part, joined_record, read_parts
from longtake.takes.record import TakeRecord
from longtake.takes.transcoding import transcode

__all__ = ["join_takes"]


def join_takes(
    parts: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    mode: int | None = None,
) -> TakeRecord:
    """Write the files of a take, in their order, as one; return the record of what it holds.

    ``parts`` are files that `TakeWriter` wrote, also what a kill left of one. The file is what one
    process would have written: of lossless parts frame by frame and sample by sample, and packets
    are copied where all files have one kind of container. Only where parts meet is sound encoded
    again, from the samples that the files keep for it; pictures are where their header differs.
    Another suffix makes another kind of file of the same frames and samples.

    Of one part it makes a copy, or another kind of file; a ``.gif`` or ``.webp`` holds the pictures
    alone, timed to 10 ms and 1 ms, and no record. A take that is not ended can be gone on
    with in ``target``, too. ``mode``: of the file, as in `TakeWriter`.

    Raises `ValidationError` naming the part that does not go on where the one before it ends, and
    `OutputError` for a ``target`` that is there, unless ``overwrite``, or cannot be written.
    """
    found = read_parts(parts)
    name, record = os.fspath(target), joined_record(found)
    container = None if animation_format(name) else check_output(name)
    if os.path.lexists(name) and not overwrite:
        raise OutputError(name, "is there already; name another file, or say overwrite")
    if container is None:
        _animate(found, record, name, mode)
        return record
    with reporting(name, "cannot join the parts"):
        if all(_can_copy(part.notes.container, container) for part in found):
            _splice(found, record, os.path.realpath(name), container, mode)
        else:
            transcode(found, record, name, mode=mode)
    return record


def _animate(parts: Sequence[Part], record: TakeRecord, target: str, mode: int | None) -> None:
    frames = chain.from_iterable(frames_of(part) for part in parts)
    count = sum(segment.frames for segment in record.segments)
    write_animation(target, frames, count=count, fps=record.fps, mode=mode)


def _can_copy(one: ContainerFormat, other: ContainerFormat) -> bool:
    """Whether packets of the one are those of the other; a WAV has none."""
    codecs = (other.video_codec, other.audio_codec, other.note_kind)
    return other.note_kind != "chunk" and codecs == (
        one.video_codec,
        one.audio_codec,
        one.note_kind,
    )


def _splice(
    parts: Sequence[Part],
    record: TakeRecord,
    target: str,
    container: ContainerFormat,
    mode: int | None,
) -> None:
    encoder = TakeEncoder(
        container,
        TakeFormat(record.height, record.width, record.channels, record.sample_rate),
        record.fps,
        TakePlace(record.first_frame, record.first_sample),
        frames=record.end_frame - record.first_frame,
    )
    files = [_spliced(part) for part in parts if _holds_anything(part.record)]
    with scratch_beside(target) as growing:
        with open(growing, "wb") as file:
            for data in fragments_of_files(files, container, encoder):
                file.write(data)
            if rest := encoder.flush():
                file.write(_fragment(container, encoder, rest))
        with replacement(target, mode=mode) as temporary:
            kinds = _kinds(record)
            tags = tags_of(record, None)
            start = encoder.audio_start
            remux(growing, temporary, container, kinds, audio_start=start, tags=tags)
            append_note(temporary, container, _note(parts, record, encoder.pending))
    encoder.close()


def _fragment(container: ContainerFormat, encoder: TakeEncoder, rest: Encoded) -> bytes:
    start = encoder.audio_start
    muxer = FragmentMuxer(container, encoder.video, encoder.audio, audio_start=start)
    return muxer.fragment(rest)


def _kinds(record: TakeRecord) -> frozenset[str]:
    samples = record.end_sample - record.first_sample
    counts = {"video": record.end_frame - record.first_frame, "audio": samples}
    if not record.height:
        counts["video"] = 0
    return frozenset(kind for kind, count in counts.items() if count)


def _holds_anything(record: TakeRecord) -> bool:
    return record.end_frame > record.first_frame or record.end_sample > record.first_sample


def _spliced(part: Part) -> SplicedFile:
    record, notes = part.record, part.notes
    return SplicedFile(
        part.name,
        part.place,
        part.first_packet,
        segments=[segment.frames for segment in record.segments],
        frames=sum(segment.frames for segment in record.segments),
        samples=record.end_sample - record.first_sample,
        openings=_openings(part),
        pending=None if record.ended or not notes.segments else _pending(notes.segments, record),
    )


def _pending(segments: Sequence[NotedSegment], record: TakeRecord) -> PendingSound:
    tail = segments[-1].tail
    if tail is not None:
        return tail.pending(record.channels)
    nothing = np.zeros((record.channels, 0), np.float32)
    return PendingSound(nothing, record.end_sample, record.end_sample)


def _openings(part: Part) -> list[Opening]:
    record, notes = part.record, part.notes
    openings = [
        Opening(as_samples(each.opening, record.channels), each.segment.samples)
        for each in notes.segments
        if each.opening is not None
    ]
    if notes.ending is not None:
        openings.append(Opening(as_samples(notes.ending, record.channels), record.end_samples))
    return openings


def _note(parts: Sequence[Part], record: TakeRecord, pending: PendingSound) -> bytes:
    """The note of the joined file: openings of its beginning, tails of its end."""
    opening_ends = record.first_sample + OPENING
    segments = [
        each if each.segment.first_sample < opening_ends else evolve(each, opening=None)
        for part in parts
        for each in part.notes.segments
    ]
    if segments and segments[-1].tail is not None and not record.ended:
        segments[-1] = evolve(segments[-1], tail=SoundTail.of(pending))
    ending = parts[-1].notes.ending
    if record.end_sample - record.end_samples >= opening_ends:
        ending = None
    return finished_note(record, segments, ending).data()
