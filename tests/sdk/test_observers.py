"""Observers are told every event of every run, and one that raises hurts nobody."""

from __future__ import annotations

import logging

import attrs
import pytest

import longtake as lt
from tests.sdk.toy_family import FOG, pipeline_of

REQUEST = lt.GenerationRequest("fog")


def test_observers_see_every_event_of_generate_stream_and_finish() -> None:
    told: list[lt.Event] = []
    pipeline = lt.Pipeline(FOG, observers=(told.append,))
    asked = attrs.evolve(REQUEST, output=lt.Output(return_state=True, last=False))
    state = pipeline.generate(asked).state
    assert isinstance(told[-1], lt.Final)
    told.clear()
    assert list(pipeline.stream(REQUEST)) == told
    told.clear()
    assert state is not None
    result = pipeline.finish(state)
    assert [type(event) for event in told] == [lt.Progress, lt.Progress, lt.Partial, lt.Final]
    assert told[-1] == lt.Final(result)


class Faulty:
    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, event: lt.Event) -> None:
        self.calls += 1
        raise self.error


@pytest.mark.parametrize("error", [ValueError("bad"), lt.Cancelled("no"), SystemExit(1)])
def test_an_observer_that_raises_is_reported_once_and_left_out(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = Faulty(error)
    told: list[lt.Event] = []
    pipeline = pipeline_of(observers=(faulty, told.append))
    with caplog.at_level(logging.ERROR, "longtake"):
        assert len(pipeline.generate(REQUEST).frames) == 9
        assert len(pipeline.generate(REQUEST).frames) == 9
    assert faulty.calls == 1
    assert len(caplog.records) == 1
    assert "Faulty" in caplog.text
    assert len(told) == 2 * 4


def test_the_others_hear_the_event_at_which_one_raises() -> None:
    before: list[lt.Event] = []
    after: list[lt.Event] = []
    pipeline = pipeline_of(
        observers=(before.append, Faulty(ValueError("bad")), Faulty(KeyError("bad")), after.append)
    )
    pipeline.generate(REQUEST)
    assert before == after
    assert before[0] == lt.Progress("black", 0, 1)


def test_an_observer_is_left_out_of_later_streams_and_finishes_too() -> None:
    faulty = Faulty(ValueError("bad"))
    pipeline = lt.Pipeline(FOG, observers=(faulty,))
    asked = attrs.evolve(REQUEST, output=lt.Output(return_state=True, last=False))
    *_, final = pipeline.stream(asked)
    assert isinstance(final, lt.Final)
    assert final.result.state is not None
    assert pipeline.finish(final.result.state).audio is not None
    assert faulty.calls == 1


def test_an_observer_that_raises_only_later_is_told_until_then() -> None:
    told: list[lt.Event] = []

    def refuse_the_end(event: lt.Event) -> None:
        told.append(event)
        if isinstance(event, lt.Final):
            raise OSError("the log is full")

    pipeline = pipeline_of(observers=(refuse_the_end,))
    pipeline.generate(REQUEST)
    pipeline.generate(REQUEST)
    assert [type(event) for event in told] == [lt.Progress, lt.Progress, lt.Partial, lt.Final]


def test_a_keyboard_interrupt_is_the_users_and_stops_the_run() -> None:
    told: list[lt.Event] = []
    interrupted = Faulty(KeyboardInterrupt())
    pipeline = pipeline_of(observers=(interrupted, told.append))
    with pytest.raises(KeyboardInterrupt):
        pipeline.generate(REQUEST)
    assert told == []
