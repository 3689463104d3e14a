"""The files of a take as one of another kind: every frame and sample, a segment at a time."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from longtake.takes.decoding import decoded_segments
from longtake.takes.growing import GrowingTake, open_target
from longtake.takes.parts import Part
from longtake.takes.record import TakeRecord

__all__ = ["transcode"]


def transcode(parts: Sequence[Part], record: TakeRecord, target: str, *, mode: int | None) -> None:
    """Write ``parts`` to ``target``; ``record``: of them all. Raises as `join_takes` does.

    A kind of file that holds no pictures gets the sound alone.
    """
    opened = open_target(target, None, overwrite=True, mode=mode)
    head = evolve(record, segments=(), ended=False, end_samples=0)
    pictured = opened.container.holds_pictures
    if not pictured:
        head = evolve(head, height=0, width=0)
    take = GrowingTake.of_record(opened, head)
    try:
        for segment in decoded_segments(parts):
            kept, frames = segment.record, segment.frames
            if not pictured:
                kept, frames = evolve(kept, frames=0), frames[:0, :0, :0]
            append = take.append_end if segment.is_end else take.append_segment
            append(frames, segment.audio, record.sample_rate or None, kept)
        take.ended = record.ended
    finally:
        take.close(None)
