"""Run events are small values that can be compared, copied and sent elsewhere."""

from __future__ import annotations

import json
import pickle
import re
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

import longtake as lt

OF_RUN = {
    "time_ns": 7,
    "run_id": "0" * 32,
    "purpose": "segment",
    "family": "fog",
    "preset": "thin@1",
    "device": "cpu",
}
OF_STAGE = {"stage": "denoise", "stage_index": 1}
SHAPE = {"num_frames": 9, "height": 4, "width": 6, "fps": Fraction(24)}
SOUND = {"num_samples": 90, "sample_rate": 240}
SO_FAR: dict[str, Any] = {"fraction": 0.25}
END: dict[str, Any] = {"seconds": 0.5, "outcome": "done", "error": None}

FIELDS: dict[Any, dict[str, Any]] = {
    lt.RunStarted: {
        "waited_seconds": 0.0,
        "stages": (),
        "num_segments": 3,
        "session_id": "a",
        "traceparent": None,
    },
    lt.StageStarted: {**OF_STAGE, **SO_FAR},
    lt.StepDone: {**OF_STAGE, "step": 1, "total": 4, **SO_FAR},
    lt.StageEnded: {**OF_STAGE, **END, **SO_FAR},
    lt.SegmentDone: {"segment_index": 0, "continued": False, **SHAPE, **SOUND, **SO_FAR},
    lt.RunEnded: {**END, **SO_FAR},
}


def test_every_kind_of_event_is_tried_here() -> None:
    assert FIELDS.keys() == set(get_args(lt.RunEvent))


@pytest.mark.parametrize("kind", FIELDS)
def test_an_event_is_a_frozen_value_of_plain_fields(kind: Any) -> None:
    event = kind(**OF_RUN, **FIELDS[kind])
    assert attrs.asdict(event) == {**OF_RUN, **FIELDS[kind]}
    assert event == kind(**OF_RUN, **FIELDS[kind])
    assert len({event, kind(**OF_RUN, **FIELDS[kind])}) == 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.run_id = "1" * 32


@pytest.mark.parametrize("kind", FIELDS)
def test_an_event_can_be_sent_elsewhere(kind: Any) -> None:
    event = kind(**OF_RUN, **FIELDS[kind])
    assert pickle.loads(pickle.dumps(event)) == event
    document = json.loads(json.dumps(attrs.asdict(event), default=str))
    assert document.keys() == {field.name for field in attrs.fields(kind)}
    assert len(pickle.dumps(event)) < 1000


PAGE = Path(__file__).parents[3] / "docs" / "observing.md"


def test_the_page_has_a_row_for_every_event_with_its_fields() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|", PAGE.read_text(), re.MULTILINE)
    shown = {name: re.findall(r"\w+", fields) for name, fields in rows}
    assert shown == {kind.__name__: list(fields) for kind, fields in FIELDS.items()}
    for name in OF_RUN:
        assert f"`{name}`" in PAGE.read_text()
