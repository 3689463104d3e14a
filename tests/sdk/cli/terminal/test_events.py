"""Every event is a line of plain JSON, by one function."""

from __future__ import annotations

import json
from fractions import Fraction

import attrs
import pytest

from longtake.cli.terminal.events import (
    Done,
    Failed,
    LoadProgress,
    SegmentRolled,
    Started,
    StepProgress,
    TakeEvent,
    Warned,
    record_of,
)

STARTED = Started(
    longtake="1.0",
    family="fog",
    preset="thin@1",
    model=None,
    seed=3,
    height=32,
    width=48,
    num_frames=4,
    fps=Fraction(24000, 1001),
    first_segment=2,
    segments=3,
    output="take.mp4",
)
ROLLED = SegmentRolled(
    segment=2,
    segments=3,
    first_frame=4,
    frames=4,
    first_sample=3500,
    samples=4000,
    sample_rate=24000,
    seconds=1 / 6,
    timings={"draw": 0.12345},
    output="take.mp4",
    state="s.json",
)
EVENTS: list[tuple[TakeEvent, str, dict[str, object]]] = [
    (STARTED, "started", {"fps": "24000/1001", "seed": 3, "model": None, "first_segment": 2}),
    (
        LoadProgress("transformer", 5, 9),
        "loading",
        {"component": "transformer", "bytes_read": 5, "bytes_total": 9, "ready": False},
    ),
    (
        StepProgress(
            segment=1, segments=2, stage="draw", step=1, total=4, take_seconds_left=1.23456
        ),
        "progress",
        {"segment_seconds_left": None, "take_seconds_left": 1.235, "step": 1},
    ),
    (ROLLED, "segment", {"timings": {"draw": 0.123}, "seconds": 0.167, "first_sample": 3500}),
    (Warned("mind the gap"), "warning", {"message": "mind the gap"}),
    (
        Failed(error="ValidationError", path="seed", reason="is wrong", exit_code=2),
        "failed",
        {"path": "seed", "reason": "is wrong", "exit_code": 2, "signal": None},
    ),
    (Done(output="take.mp4", frames=8, seconds=1 / 3, state=None), "done", {"seconds": 0.333}),
]


@pytest.mark.parametrize(("event", "name", "some"), EVENTS, ids=[each[1] for each in EVENTS])
def test_a_record_has_the_name_of_the_event_and_all_its_fields(
    event: TakeEvent, name: str, some: dict[str, object]
) -> None:
    record = record_of(event)
    assert json.loads(json.dumps(record)) == record
    assert record["event"] == name
    assert record.keys() == {"event", *(field.name for field in attrs.fields(type(event)))}
    assert some.items() <= record.items()
