"""A run as events: the same result, stopped within one step by whoever no longer wants it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import longtake as lt
from tests.sdk.toy_family import FOG, pipeline_of

REQUEST = lt.GenerationRequest("fog")
WAIT = 10
"""Seconds after which a test that hangs fails."""


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    gc.collect()
    assert set(threading.enumerate()) == before


class Walk:
    """Takes ten steps and counts those it took."""

    def __init__(self) -> None:
        self.taken = 0

    def __call__(self, run: lt.Run) -> None:
        for _ in run.steps(10):
            self.taken += 1


class Late:
    """A stage that must not run."""

    def __init__(self) -> None:
        self.ran = False

    def __call__(self) -> None:
        self.ran = True


class Walking:
    """A pipeline of a `Walk` and what comes after it."""

    def __init__(self) -> None:
        self.walk, self.late = Walk(), Late()
        self.pipeline = pipeline_of(self.walk, self.late)

    def assert_stopped_after(self, steps: int) -> None:
        assert steps <= self.walk.taken <= steps + 1
        assert not self.late.ran
        assert len(self.pipeline.generate(REQUEST).frames) == 9  # and it is free again


def is_step(event: lt.Event, step: int) -> bool:
    return event == lt.Progress("walk", step, 10)


def read(
    events: Iterator[lt.Event], when: Callable[[lt.Event], bool], then: Callable[[], object]
) -> None:
    """Read to the end; do ``then`` at the first event of the kind."""
    for event in events:
        assert not isinstance(event, lt.Final)
        if when(event):
            then()


def raise_zero_division() -> None:
    raise ZeroDivisionError


def test_stream_and_generate_give_the_same() -> None:
    request = lt.GenerationRequest("fog", output=lt.Output(return_state=True, last=False))
    generated = lt.Pipeline(FOG).generate(request)
    streamed = list(lt.Pipeline(FOG).stream(request))
    final = streamed[-1]
    assert isinstance(final, lt.Final)
    np.testing.assert_array_equal(final.result.frames, generated.frames)
    assert final.result.audio is not None and generated.audio is not None
    np.testing.assert_array_equal(final.result.audio, generated.audio)
    assert final.result.state == generated.state is not None
    assert (final.result.job, final.result.options) == (generated.job, generated.options)


def test_the_run_waits_while_its_reader_handles_an_event() -> None:
    walking = Walking()
    for event in walking.pipeline.stream(REQUEST):
        if isinstance(event, lt.Progress) and event.stage == "walk":
            assert walking.walk.taken == event.step
    assert walking.late.ran


def test_nothing_runs_before_the_first_event_is_asked_for() -> None:
    walking = Walking()
    events = walking.pipeline.stream(REQUEST)
    assert walking.walk.taken == 0
    events.close()
    assert walking.walk.taken == 0


def test_closing_the_iterator_stops_the_run() -> None:
    walking = Walking()
    events = walking.pipeline.stream(REQUEST)
    for event in events:
        if is_step(event, 3):
            break
    events.close()
    walking.assert_stopped_after(3)


@pytest.mark.parametrize("last", [lt.Progress("first", 1, 1), lt.Progress("late", 0, 1)])
@pytest.mark.parametrize("leaves", [True, False])
def test_no_stage_runs_once_its_reader_has_left_or_cancelled(last: lt.Event, leaves: bool) -> None:
    def first() -> None:
        """A stage of one step."""

    late, cancel = Late(), threading.Event()
    events = pipeline_of(first, late).stream(REQUEST, cancel=cancel.is_set)
    for event in events:
        assert not late.ran
        if event == last:
            break
    if leaves:
        events.close()
    else:
        cancel.set()
        with pytest.raises(lt.Cancelled):
            list(events)
    assert not late.ran


class Slow:
    """A stage that takes a while to stop."""

    def __init__(self) -> None:
        self.stopped = False

    def __call__(self, run: lt.Run) -> None:
        try:
            for _ in run.steps(10):
                pass
        finally:
            time.sleep(0.05)
            self.stopped = True


def test_the_run_is_over_when_the_iterator_is() -> None:
    slow = Slow()
    events = pipeline_of(slow).stream(REQUEST)
    next(event for event in events if event == lt.Progress("slow", 3, 10))
    events.close()
    assert slow.stopped


def test_a_reader_that_raises_stops_the_run() -> None:
    walking = Walking()
    with pytest.raises(ZeroDivisionError):
        read(walking.pipeline.stream(REQUEST), partial(is_step, step=3), raise_zero_division)
    walking.assert_stopped_after(3)


def test_a_reader_that_forgets_the_iterator_stops_the_run() -> None:
    walking = Walking()
    next(walking.pipeline.stream(REQUEST))
    gc.collect()
    walking.assert_stopped_after(0)


def test_setting_the_event_stops_the_stream() -> None:
    walking, cancel = Walking(), threading.Event()
    events = walking.pipeline.stream(REQUEST, cancel=cancel.is_set)
    with pytest.raises(lt.Cancelled):
        read(events, partial(is_step, step=3), cancel.set)
    walking.assert_stopped_after(3)


def test_setting_the_event_from_another_thread_stops_generate() -> None:
    cancel, third_step = threading.Event(), threading.Event()
    stopped = threading.Event()

    def watch(event: lt.RunEvent) -> None:
        if isinstance(event, lt.StepDone) and event.step == 3:
            third_step.set()
            assert stopped.wait(WAIT)

    def stop() -> None:
        assert third_step.wait(WAIT)
        cancel.set()
        stopped.set()

    walk, late = Walk(), Late()
    pipeline = pipeline_of(walk, late, observers=(watch,))
    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(lt.Cancelled, match="'walk'"):
        pipeline.generate(REQUEST, cancel=cancel.is_set)
    stopper.join(WAIT)
    assert walk.taken == 3
    assert not late.ran


def test_a_run_that_is_cancelled_before_it_begins_takes_no_step() -> None:
    walking, cancel = Walking(), threading.Event()
    cancel.set()
    with pytest.raises(lt.Cancelled):
        walking.pipeline.generate(REQUEST, cancel=cancel.is_set)
    walking.assert_stopped_after(0)


def test_a_run_cancelled_in_its_last_stage_gives_nothing() -> None:
    cancel = threading.Event()
    events = pipeline_of().stream(REQUEST, cancel=cancel.is_set)
    with pytest.raises(lt.Cancelled):
        read(events, lambda event: isinstance(event, lt.Partial), cancel.set)


class Shelf:
    """A blob store that counts what is put."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def put(self, data: Any, *, mime: str = "application/octet-stream") -> str:
        self.blobs[f"b{len(self.blobs)}"] = data
        return f"b{len(self.blobs) - 1}"

    def get(self, blob_id: str) -> bytes:
        return self.blobs[blob_id]

    def drop(self, blob_id: str) -> None:
        del self.blobs[blob_id]

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self.blobs


def test_a_cancelled_run_puts_no_blobs() -> None:
    shelf, cancel = Shelf(), threading.Event()
    request = lt.GenerationRequest("fog", output=lt.Output(return_state=True))
    events = lt.Pipeline(FOG).stream(request, blobs=shelf, cancel=cancel.is_set)
    with pytest.raises(lt.Cancelled):
        read(events, lambda event: event == lt.Progress("remember", 1, 1), cancel.set)
    assert shelf.blobs == {}


def fail() -> None:
    raise KeyError("shape")


def test_what_the_run_raises_reaches_its_reader() -> None:
    seen: list[lt.Event] = []
    with pytest.raises(lt.StageError, match="'fail' failed") as failed:
        seen.extend(pipeline_of(fail).stream(REQUEST))
    assert isinstance(failed.value.__cause__, KeyError)
    assert seen == [lt.Progress("fail", 0, 1)]


class Unleavable:
    """A stage that does its work and fails as it is left."""

    def __enter__(self) -> None: ...

    def __call__(self) -> None: ...

    def __exit__(self, *exception: object) -> None:
        raise KeyError("door")


def test_all_that_was_done_before_an_error_is_told() -> None:
    seen: list[lt.Event] = []
    with pytest.raises(lt.StageError, match="'unleavable' failed"):
        seen.extend(pipeline_of(Unleavable()).stream(REQUEST))
    assert seen == [lt.Progress("unleavable", 0, 1), lt.Progress("unleavable", 1, 1)]


def leave() -> None:
    raise SystemExit(3)


def test_even_an_exit_reaches_the_reader_as_the_error_of_its_stage() -> None:
    with pytest.raises(lt.StageError, match="stage 'leave' failed: SystemExit: 3") as failed:
        list(pipeline_of(leave).stream(REQUEST))
    assert isinstance(failed.value.__cause__, SystemExit)


def test_a_bad_request_reaches_the_reader() -> None:
    request = lt.GenerationRequest("fog", stage_overrides={"no": {}})
    with pytest.raises(lt.ValidationError, match=r"stage_overrides\.no"):
        next(pipeline_of().stream(request))


def test_a_finished_stream_stays_finished() -> None:
    events = pipeline_of().stream(REQUEST)
    assert isinstance(list(events)[-1], lt.Final)
    assert list(events) == []
