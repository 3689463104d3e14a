"""What is asked of a run is refused at once where it is nonsense."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from tests.sdk.toy_family import FOG


@pytest.mark.parametrize("number", [0, -1, 1.5, True, "3"])
@pytest.mark.parametrize("ask", ["generate", "stream"])
def test_a_number_of_segments_that_there_is_not(number: Any, ask: str) -> None:
    told: list[lt.RunEvent] = []
    pipeline = lt.Pipeline(FOG, observers=(told.append,))
    with pytest.raises(lt.ValidationError, match=r"^num_segments: .* from 1 on") as refused:
        list(getattr(pipeline, ask)("fog", num_segments=number))
    assert refused.value.path == "num_segments"
    assert told == []


def test_the_number_of_segments_is_told_where_it_is_known() -> None:
    told: list[lt.RunEvent] = []
    pipeline = lt.Pipeline(FOG, observers=(told.append,))
    session = lt.Session(pipeline, overlap_frames=2)
    pipeline.generate("fog")
    pipeline.generate("fog", num_segments=2)
    pipeline.generate(pipeline.check("fog"), num_segments=3)
    session.extend("fog", num_segments=4)
    list(session.stream("fog", num_segments=5))
    session.finish()
    started = [event for event in told if isinstance(event, lt.RunStarted)]
    assert [event.num_segments for event in started] == [None, 2, 3, 4, 5, None]
