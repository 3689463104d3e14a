"""The files of a take in order: what each holds, and whether each goes on where the last ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import pairwise

from attrs import evolve, frozen

from longtake.errors import ValidationError
from longtake.media.encoder import first_packet
from longtake.media.streams import TakeFormat, TakePlace
from longtake.takes.notes import TakeNotes, read_take_notes
from longtake.takes.record import TakeRecord

__all__ = ["Part", "joined_record", "read_parts"]

_SHARED = ("family", "model", "fps", "channels", "sample_rate")


@frozen
class Part:
    """A file that holds a part of a take. ``name``: its path."""

    name: str
    notes: TakeNotes

    @property
    def record(self) -> TakeRecord:
        """What it holds."""
        return self.notes.record

    @property
    def place(self) -> TakePlace:
        """Where in its take it begins."""
        return TakePlace(self.record.first_frame, self.record.first_sample)

    @property
    def first_packet(self) -> int:
        """The sample of the take at which its first packet of sound begins."""
        record = self.record
        form = TakeFormat(record.height, record.width, record.channels, record.sample_rate)
        return first_packet(self.notes.container, form, record.fps, self.place)


def read_parts(paths: Sequence[str | os.PathLike[str]]) -> list[Part]:
    """The parts of one take, in the order given.

    Raises `ValidationError` naming the file that holds none, or that does not go on where the one
    before it ends.
    """
    if not paths:
        raise ValidationError("parts", "there are none; name the files of a take in their order")
    parts = [Part(os.fspath(path), read_take_notes(path)) for path in paths]
    for before, part in pairwise(parts):
        _check_follows(before, part)
    return parts


def joined_record(parts: Sequence[Part]) -> TakeRecord:
    """What a file of all parts holds."""
    first, last = parts[0].record, parts[-1].record
    segments = tuple(segment for part in parts for segment in part.record.segments)
    held = tuple(segment.prompt for segment in segments)
    pictured = next((part.record for part in parts if part.record.height), first)
    return evolve(
        first,
        height=pictured.height,
        width=pictured.width,
        versions={name: v for part in parts for name, v in part.record.versions.items()},
        asked=first.asked if all(part.record.asked == first.asked for part in parts) else None,
        planned=held + last.planned[len(last.segments) :] if last.planned else (),
        segments=segments,
        ended=last.ended,
        end_samples=last.end_samples,
    )


def _check_follows(before: Part, part: Part) -> None:
    first, second = before.record, part.record

    def refuse(problem: str) -> None:
        text = f"does not go on where {before.name} ends: {problem}"
        raise ValidationError(part.name, f"{text}; name the parts in the order of the take")

    if first.ended:
        refuse("the take is finished there")
    for name in _SHARED:
        one, other = getattr(first, name), getattr(second, name)
        if one != other and None not in (one, other):
            refuse(f"its {name} is {other}, not {one}")
    sizes = (first.height, first.width), (second.height, second.width)
    if sizes[0] != sizes[1] and second.segments:
        refuse("its pictures are {1[0]}x{1[1]}, not {0[0]}x{0[1]}".format(*sizes))
    _check_places(first, second, refuse)


def _check_places(first: TakeRecord, second: TakeRecord, refuse: Callable[[str], None]) -> None:
    if first.segments and second.segments:
        end, begin = first.segments[-1].index + 1, second.segments[0].index
        if end != begin:
            refuse(f"it begins with segment {begin + 1} of the take, and {end + 1} comes next")
    state = first.segments[-1].state if first.segments else first.begins_after
    if second.begins_after is None or state not in (None, second.begins_after):
        refuse("it was made from another state, so it belongs to another take")
    if first.height and first.end_frame != second.first_frame:
        refuse(f"it begins at frame {second.first_frame}, not {first.end_frame}")
    if first.channels and first.end_sample != second.first_sample:
        refuse(f"its sound begins at sample {second.first_sample}, not {first.end_sample}")
