"""A run's events told in the caller's thread: the same as a stream's, and a fault ends the run."""

from __future__ import annotations

import threading

import pytest

import longtake as lt
from tests.sdk.toy_family import FOG, pipeline_of

REQUEST = lt.GenerationRequest("fog")


class Walk:
    """Takes ten steps and counts those it took, and would go on whatever a listener raised."""

    def __init__(self) -> None:
        self.taken = 0

    def __call__(self, run: lt.Run) -> None:
        for step in range(10):
            run.check_cancelled()
            self.taken += 1
            try:
                run.emit(lt.Progress(run.stage, step + 1, 10))
            except Exception:
                raise AssertionError("a stage met the fault of a listener") from None


def test_it_is_told_what_a_stream_tells_in_the_thread_of_the_run() -> None:
    told: list[lt.Event] = []
    threads: set[threading.Thread] = set()

    def follow(event: lt.Event) -> None:
        told.append(event)
        threads.add(threading.current_thread())

    result = lt.Pipeline(FOG).generate(REQUEST, follow=follow)
    streamed = list(lt.Pipeline(FOG).stream(REQUEST))
    assert [event for event in told if isinstance(event, lt.Progress)] == [
        event for event in streamed if isinstance(event, lt.Progress)
    ]
    assert [type(event) for event in told] == [type(event) for event in streamed]
    final = told[-1]
    assert isinstance(final, lt.Final)
    assert final.result is result
    assert threads == {threading.current_thread()}


@pytest.mark.parametrize("error", [ZeroDivisionError("3"), KeyboardInterrupt(), lt.Cancelled("no")])
def test_what_it_raises_ends_the_run_within_a_step_and_is_raised(error: BaseException) -> None:
    walk = Walk()
    pipeline = pipeline_of(walk)

    def follow(event: lt.Event) -> None:
        if event == lt.Progress("walk", 3, 10):
            raise error

    with pytest.raises(type(error)) as raised:
        pipeline.generate(REQUEST, follow=follow)
    assert raised.value is error
    assert walk.taken == 3
    assert len(pipeline.generate(REQUEST).frames) == 9  # and it is free again


def test_what_it_raises_at_the_end_is_raised() -> None:
    def follow(event: lt.Event) -> None:
        if isinstance(event, lt.Final):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lt.Pipeline(FOG).generate(REQUEST, follow=follow)


def test_it_is_told_no_more_after_it_raised() -> None:
    told: list[lt.Event] = []

    def follow(event: lt.Event) -> None:
        told.append(event)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pipeline_of(Walk()).generate(REQUEST, follow=follow)
    assert len(told) == 1


def test_the_caller_cancels_as_ever() -> None:
    steps: list[lt.Event] = []
    with pytest.raises(lt.Cancelled, match="'walk'"):
        pipeline_of(Walk()).generate(
            REQUEST, follow=steps.append, cancel=lambda: lt.Progress("walk", 2, 10) in steps
        )


def test_a_failing_stage_fails_as_ever() -> None:
    def broken(run: lt.Run) -> None:
        raise RuntimeError("of the stage")

    with pytest.raises(lt.StageError, match="of the stage"):
        pipeline_of(broken).generate(REQUEST, follow=lambda event: None)
