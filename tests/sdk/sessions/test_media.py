"""What `BlobMedia` keeps: parts of a take, which join."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import frozen

import longtake as lt
from tests.sdk.sessions.rooms import asked, fog
from tests.sdk.toy_family import FOG, FogState


@frozen
class Place:
    first_new_frame: int
    repeated_frames: int

    def num_frames_for(self, new_frames: int) -> int:
        return new_frames + self.repeated_frames


def place(job: lt.Job, state: FogState | None) -> Place:
    return Place(state.frames, state.overlap) if state else Place(0, 0)


def test_parts_join_to_the_take(tmp_path: Path) -> None:
    sessions, blobs = lt.open_session_store("memory:"), lt.open_blob_store("memory:")
    sessions.create("s", family="fog")
    parts, frames = [], 0
    silent = tuple(each for each in FOG.stages if each.name != "sing")
    with lt.Pipeline(FOG.evolve(stages=silent, finish=(), place=place)) as pipeline:
        for prompt in ("mist", "fog", "rain"):
            rolled = lt.roll(sessions, "s", asked(prompt), pipeline=pipeline, blobs=blobs)
            assert rolled.result is not None
            frames += len(rolled.result.frames)
            part = tmp_path / f"{rolled.segment.index}.mkv"
            part.write_bytes(blobs.get(rolled.segment.media[0]))
            record = lt.read_take_record(part)
            assert record.segments[-1].state == rolled.segment.state_digest
            parts.append(part)
    lt.join_takes(parts, tmp_path / "take.mkv")
    joined = lt.read_take_record(tmp_path / "take.mkv")
    assert sum(each.frames for each in joined.segments) == frames == 9 + 6 + 6


def test_a_part_is_a_blob_of_matroska(tmp_path: Path) -> None:
    blobs = lt.open_blob_store(f"file://{tmp_path}/blobs")
    with fog() as pipeline:
        result = pipeline.generate(asked("mist"))
    made = lt.MadeSegment(session_id="s", index=0, result=result, family="fog", preset="thin@1")
    (blob_id,) = lt.BlobMedia().keep(made, blobs)
    assert isinstance(blobs, lt.SupportsStat)
    assert blobs.stat(blob_id).mime == "video/x-matroska"
    assert bytes(blobs.get(blob_id))[:4] == b"\x1a\x45\xdf\xa3"  # as every EBML document begins


def test_media_in_blobs_need_a_store() -> None:
    with fog() as pipeline:
        result = pipeline.generate(asked("mist"))
    made = lt.MadeSegment(session_id="s", index=0, result=result)
    with pytest.raises(lt.ValidationError, match="^blobs"):
        lt.BlobMedia().keep(made, None)


class Ends:
    """A sink that asks each segment for the end that its take would have there."""

    def __init__(self) -> None:
        self.ends: list[lt.GenerationResult | None] = []

    def keep(self, made: lt.MadeSegment, blobs: lt.BlobStore | None) -> tuple[str, ...]:
        self.ends.append(None if made.finish is None else made.finish())
        return ()


def test_a_sink_can_have_the_end_of_the_take_at_any_segment() -> None:
    sessions, sink = lt.open_session_store("memory:"), Ends()
    sessions.create("s", family="fog")
    with fog() as pipeline:
        for prompt in ("mist", "rain"):
            rolled = lt.roll(sessions, "s", asked(prompt), pipeline=pipeline, media=sink)
            state, end = rolled.session.state, sink.ends[-1]
            assert state is not None
            assert end is not None
            expected = pipeline.finish(state)
            assert not len(end.frames)
            assert end.first_sample == expected.first_sample
            assert end.audio is not None
            assert expected.audio is not None
            assert end.audio.tobytes() == expected.audio.tobytes()


def test_there_is_no_end_where_nothing_is_held_back() -> None:
    sessions, sink = lt.open_session_store("memory:"), Ends()
    sessions.create("s", family="fog")
    with lt.Pipeline(FOG.evolve(finish=())) as pipeline:
        lt.roll(sessions, "s", asked("mist"), pipeline=pipeline, media=sink)
    assert sink.ends == [None]
