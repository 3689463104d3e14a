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


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_sessions_run_tells_whose_it_is_and_of_which_trace() -> None:
    told: list[lt.RunEvent] = []
    output = lt.Output(overlap_frames=2)
    request = lt.GenerationRequest(
        "fog", sampling=lt.Sampling(num_inference_steps=2), output=output
    )
    sessions = lt.open_session_store("memory:")
    with lt.Pipeline(FOG, observers=(told.append,)) as pipeline:
        preset = f"{pipeline.preset.name}@{pipeline.preset.version}"
        sessions.create("hill", family="fog", preset=preset)
        lt.roll(sessions, "hill", request, pipeline=pipeline)
        lt.roll(sessions, "hill", request, pipeline=pipeline, traceparent=TRACE)
        lt.roll(sessions, "hill", request, pipeline=pipeline, follow=lambda event: None)
        pipeline.generate(request)
    started = [event for event in told if isinstance(event, lt.RunStarted)]
    assert [event.session_id for event in started] == ["hill", "hill", "hill", None]
    assert [event.traceparent for event in started] == [None, TRACE, None, None]


@pytest.mark.parametrize("text", ["", "00", TRACE.upper(), TRACE + "-0", "01" + TRACE[2:], 7])
def test_a_trace_that_there_is_not_is_refused(text: Any) -> None:
    sessions = lt.open_session_store("memory:")
    with lt.Pipeline(FOG) as pipeline, pytest.raises(lt.ValidationError) as refused:
        lt.roll(sessions, "hill", "fog", pipeline=pipeline, traceparent=text)
    assert refused.value.path == "traceparent"
    with pytest.raises(lt.ValidationError) as refused:
        lt.StepOrder(id="a", session_id="hill", request=lt.GenerationRequest("a"), traceparent=text)
    assert refused.value.path == "order.traceparent"
