"""Observers see every run from its start to its end, and one that raises hurts nobody."""

from __future__ import annotations

import contextvars
import gc
import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import FrameType
from typing import Any

import attrs
import pytest

import longtake as lt
from examples import log_runs
from tests.sdk.toy_family import FOG, FogCodec, FogState, pipeline_of

REQUEST = lt.GenerationRequest("fog")
CONTINUABLE = attrs.evolve(REQUEST, output=lt.Output(return_state=True, last=False))
WAIT = 10
"""Seconds after which a test that hangs fails."""


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[lt.RunEvent] = []

    def __call__(self, event: lt.RunEvent) -> None:
        self.told.append(event)

    def summary(self) -> list[str]:
        return [short(event) for event in self.told]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    def runs(self) -> dict[str, list[lt.RunEvent]]:
        by_run: dict[str, list[lt.RunEvent]] = {}
        for event in self.told:
            by_run.setdefault(event.run_id, []).append(event)
        return by_run


def short(event: lt.RunEvent) -> str:
    match event:
        case lt.StageStarted(stage=stage, stage_index=index):
            return f"{stage}#{index} begins"
        case lt.StepDone(stage=stage, step=step, total=total):
            return f"{stage} {step}/{total}"
        case lt.StageEnded(stage=stage, stage_index=index, outcome=outcome):
            return f"{stage}#{index} {outcome}"
        case lt.RunEnded(outcome=outcome):
            return f"run {outcome}"
        case _:
            return type(event).__name__


def assert_balanced(told: list[lt.RunEvent]) -> None:
    """One run: it begins first and ends last, its stages one after another in between."""
    assert isinstance(told[0], lt.RunStarted)
    assert isinstance(told[-1], lt.RunEnded)
    assert Counter(type(event) for event in told)[lt.RunEnded] == 1
    assert len({event.run_id for event in told}) == 1
    going_on: tuple[str, int] | None = None
    for event in told[1:-1]:
        match event:
            case lt.StageStarted():
                assert going_on is None
                going_on = (event.stage, event.stage_index)
            case lt.StepDone():
                assert going_on == (event.stage, event.stage_index)
            case lt.StageEnded():
                assert going_on == (event.stage, event.stage_index)
                going_on = None
            case _:
                assert isinstance(event, lt.SegmentDone)
                assert going_on is None
    assert going_on is None


SEGMENT = [
    "RunStarted",
    "prepare#0 begins",
    "prepare#0 done",
    "denoise#1 begins",
    "denoise 1/2",
    "denoise 2/2",
    "denoise#1 done",
    "paint#2 begins",
    "paint#2 done",
    "sing#3 begins",
    "sing#3 done",
    "remember#4 begins",
    "remember#4 done",
    "SegmentDone",
    "run done",
]
TWO_STEPS = attrs.evolve(CONTINUABLE, sampling=lt.Sampling(num_inference_steps=2))


def test_a_segment_from_its_start_to_its_end() -> None:
    watcher = Watcher()
    lt.Pipeline(FOG, observers=(watcher,)).generate(TWO_STEPS)
    assert watcher.summary() == SEGMENT
    assert_balanced(watcher.told)


def test_a_stream_is_told_like_a_segment_and_ends_before_its_reader_has_the_result() -> None:
    watcher = Watcher()
    for event in lt.Pipeline(FOG, observers=(watcher,)).stream(TWO_STEPS):
        if isinstance(event, lt.Final):
            assert watcher.summary() == SEGMENT
    assert watcher.summary() == SEGMENT


def test_the_finish_of_a_take_is_a_run_without_a_segment() -> None:
    watcher = Watcher()
    pipeline = lt.Pipeline(FOG, observers=(watcher,))
    state = pipeline.generate(CONTINUABLE).state
    assert state is not None
    watcher.told.clear()
    pipeline.finish(state)
    assert watcher.summary() == ["RunStarted", "settle#0 begins", "settle#0 done", "run done"]
    assert {event.purpose for event in watcher.told} == {"finish"}


def test_every_event_says_which_run_of_what() -> None:
    watcher = Watcher()
    pipeline = lt.Pipeline(FOG, preset=FOG.preset("thick"), observers=(watcher,))
    pipeline.generate(REQUEST)
    pipeline.generate(REQUEST)
    facts = {(e.purpose, e.family, e.preset, e.device) for e in watcher.told}
    assert facts == {("segment", "fog", "thick@1", "cpu")}
    assert [run_id for run_id in watcher.runs() if len(run_id) == 32 and int(run_id, 16)] == [
        *watcher.runs()
    ]
    assert len(watcher.runs()) == 2


def test_times_add_up() -> None:
    watcher = Watcher()
    result = pipeline_of(walk, walk, observers=(watcher,)).generate(REQUEST)
    times = [event.time_ns for event in watcher.told]
    assert times == sorted(times)
    ended = watcher.of(lt.StageEnded)
    assert [(e.stage, e.stage_index) for e in ended] == [("walk", 0), ("walk", 1), ("black", 2)]
    assert ended[0].seconds + ended[1].seconds == result.timings["walk"]
    assert ended[2].seconds == result.timings["black"]
    (run,) = watcher.of(lt.RunEnded)
    assert run.seconds >= sum(event.seconds for event in ended)


def walk(run: lt.Run) -> None:
    for _ in run.steps(3):
        pass


def test_what_a_segment_is() -> None:
    watcher = Watcher()
    pipeline = lt.Pipeline(FOG, observers=(watcher,))
    output = lt.Output(return_state=True, last=False, overlap_frames=2)
    first = pipeline.generate(attrs.evolve(REQUEST, output=output))
    second = pipeline.generate(attrs.evolve(CONTINUABLE, state=first.state))
    pipeline.generate(attrs.evolve(REQUEST, output=lt.Output(video=False)))
    pipeline.generate(attrs.evolve(REQUEST, output=lt.Output(audio=False)))
    told = [
        (e.segment_index, e.continued, e.num_frames, e.num_samples, e.sample_rate, e.width)
        for e in watcher.of(lt.SegmentDone)
    ]
    assert first.audio is not None and second.audio is not None
    assert told == [
        (0, False, 9, first.audio.shape[1], 240, 6),
        (1, True, 7, second.audio.shape[1], 240, 6),
        (0, False, 0, 90, 240, 6),
        (0, False, 9, 0, None, 6),
    ]
    assert {(e.height, e.fps) for e in watcher.of(lt.SegmentDone)} == {(4, 24)}


def test_the_start_that_a_stage_reports_itself_is_no_step() -> None:
    def counting(run: lt.Run) -> None:
        for step in range(3):
            run.emit(lt.Progress(run.stage, step, 2))

    watcher = Watcher()
    pipeline_of(counting, observers=(watcher,)).generate(REQUEST)
    assert [(event.step, event.total) for event in watcher.of(lt.StepDone)] == [(1, 2), (2, 2)]


class Broken:
    """A stage that fails, or fails to be entered or left."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        self.fail_in("enter")

    def __exit__(self, *exception: object) -> None:
        self.fail_in("exit")

    def __call__(self) -> None:
        self.fail_in("call")

    def fail_in(self, where: str) -> None:
        if where == self.where:
            raise OSError(f"{where}: no\n  space")


@pytest.mark.parametrize("where", ["enter", "call", "exit"])
def test_a_stage_that_fails_ends_with_its_error_and_so_does_the_run(where: str) -> None:
    watcher = Watcher()
    pipeline = pipeline_of(walk, Broken(where), observers=(watcher,))
    with pytest.raises(lt.StageError) as failed:
        pipeline.generate(REQUEST)
    assert watcher.summary()[-3:] == ["broken#1 begins", "broken#1 failed", "run failed"]
    assert_balanced(watcher.told)
    *_, stage = watcher.of(lt.StageEnded)
    (run,) = watcher.of(lt.RunEnded)
    assert stage.error == f"OSError: {where}: no space"
    assert run.error == "StageError: " + " ".join(str(failed.value).split())


def test_a_stage_that_is_left_after_another_ones_error_fails_the_run_alone() -> None:
    watcher = Watcher()
    broken = lt.StageSpec("twice", Broken("exit"))
    later = lt.StageSpec("twice", walk)
    failing = lt.StageSpec("failing", Broken("call"))
    with pytest.raises(lt.StageError):
        pipeline_of(broken, failing, later, observers=(watcher,)).generate(REQUEST)
    assert watcher.summary() == [
        "RunStarted",
        "twice#0 begins",
        "twice#0 done",
        "failing#1 begins",
        "failing#1 failed",
        "run failed",
    ]
    assert "stage 'twice' failed" in str(watcher.of(lt.RunEnded)[0].error)


REFUSED = {
    "bad state": attrs.evolve(REQUEST, state=lt.ContinuationState("fog.v1", {})),
    "bad option": attrs.evolve(REQUEST, stage_overrides={"denoise": {"blur": "much"}}),
    "refused by a check": attrs.evolve(REQUEST, sampling=lt.Sampling(num_frames=4)),
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_request_that_is_refused_is_a_run_of_no_stage(
    request_: lt.GenerationRequest, streamed: bool
) -> None:
    watcher = Watcher()
    pipeline = lt.Pipeline(FOG, observers=(watcher,))
    with pytest.raises(lt.ValidationError):
        list(pipeline.stream(request_)) if streamed else pipeline.generate(request_)
    assert watcher.summary() == ["RunStarted", "run failed"]
    assert watcher.of(lt.RunEnded)[0].error.startswith("ValidationError: ")


def test_a_take_that_cannot_be_finished_is_a_run_of_no_stage() -> None:
    watcher = Watcher()
    with pytest.raises(lt.ValidationError):
        pipeline_of(observers=(watcher,)).finish(lt.ContinuationState("fog.v1", {}))
    assert watcher.summary() == ["RunStarted", "run failed"]


def test_what_makes_nothing_is_no_run() -> None:
    watcher = Watcher()
    pipeline = lt.Pipeline(FOG, observers=(watcher,))
    pipeline.prepare()
    pipeline.check(REQUEST)
    pipeline.resolve(REQUEST)
    pipeline.stream(REQUEST).close()
    pipeline.close()
    with pytest.raises(lt.PipelineClosedError):
        pipeline.generate(REQUEST)
    assert watcher.told == []


def test_a_run_that_is_cancelled_ends_so_and_its_stage_too() -> None:
    watcher, cancel = Watcher(), threading.Event()

    def cancelled(run: lt.Run) -> None:
        for _ in run.steps(3):
            cancel.set()

    pipeline = pipeline_of(cancelled, walk, observers=(watcher,))
    with pytest.raises(lt.Cancelled):
        pipeline.generate(REQUEST, cancel=cancel.is_set)
    assert watcher.summary() == [
        "RunStarted",
        "cancelled#0 begins",
        "cancelled 1/3",
        "cancelled#0 cancelled",
        "run cancelled",
    ]
    assert [event.error for event in watcher.told[-2:]] == [None, None]  # type: ignore[union-attr]


def test_a_stage_that_does_not_begin_any_more_is_not_told() -> None:
    watcher, cancel = Watcher(), threading.Event()

    def last() -> None:
        cancel.set()

    with pytest.raises(lt.Cancelled):
        pipeline_of(last, walk, observers=(watcher,)).generate(REQUEST, cancel=cancel.is_set)
    assert watcher.summary() == ["RunStarted", "last#0 begins", "last#0 done", "run cancelled"]


def test_a_run_that_is_cancelled_while_it_waits_for_its_turn_never_began() -> None:
    watcher, cancel = Watcher(), threading.Event()
    pipeline = pipeline_of(observers=(watcher,))
    with pipeline.components(), ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pipeline.generate, REQUEST, cancel=cancel.is_set)
        cancel.set()
        assert isinstance(waiting.exception(WAIT), lt.Cancelled)
    assert watcher.told == []


def test_the_time_that_a_run_waited_for_its_turn_is_told() -> None:
    watcher = Watcher()
    pipeline = pipeline_of(observers=(watcher,))
    asked = threading.Event()

    def generate() -> None:
        asked.set()
        pipeline.generate(REQUEST)

    with pipeline.components():
        waiting = threading.Thread(target=generate)
        waiting.start()
        assert asked.wait(WAIT)
        waiting.join(0.1)  # it cannot go on: the pipeline is ours
        assert watcher.told == []
    waiting.join(WAIT)
    pipeline.generate(REQUEST)
    first, second = watcher.of(lt.RunStarted)
    assert first.waited_seconds > second.waited_seconds >= 0


def leave(events: Iterator[lt.Event]) -> None:
    events.close()  # type: ignore[attr-defined]  # it is a generator


def forget(events: Iterator[lt.Event]) -> None:
    """The last reference goes with the frame that called this."""


@pytest.mark.parametrize("how", [leave, forget])
@pytest.mark.parametrize("after", [1, 2, 3, 7, 8])
def test_a_reader_that_leaves_cancels_the_run(
    how: Callable[[Iterator[lt.Event]], None], after: int
) -> None:
    watcher = Watcher()
    pipeline = pipeline_of(walk, walk, walk, observers=(watcher,))

    def read() -> None:
        events = pipeline.stream(REQUEST)
        for _ in range(after):
            next(events)
        how(events)

    read()
    gc.collect()
    assert_balanced(watcher.told)
    assert watcher.summary()[-1] == "run cancelled"


def test_a_reader_that_leaves_with_the_result_cancels_nothing() -> None:
    watcher = Watcher()
    events = pipeline_of(observers=(watcher,)).stream(REQUEST)
    while not isinstance(next(events), lt.Final):
        pass
    events.close()
    assert watcher.summary()[-1] == "run done"


def test_a_pipeline_that_is_closed_ends_the_runs_of_its_streams() -> None:
    watcher = Watcher()
    pipeline = pipeline_of(walk, observers=(watcher,))
    events = pipeline.stream(REQUEST)
    next(events)
    pipeline.close()
    with suppress(lt.LongtakeError):
        list(events)
    assert_balanced(watcher.told)
    assert watcher.summary()[-1] == "run cancelled"


def test_runs_of_many_threads_can_be_told_apart() -> None:
    watcher = Watcher()
    pipelines = [lt.Pipeline(FOG, observers=(watcher,)) for _ in range(3)]
    together = threading.Barrier(6)

    def generate(index: int) -> None:
        together.wait(WAIT)
        for _ in range(5):
            pipelines[index % 3].generate(TWO_STEPS)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(generate, range(6)))
    runs = watcher.runs()
    assert len(runs) == 30
    for told in runs.values():
        assert [short(event) for event in told] == SEGMENT


SECRETS = {
    "lines": "a lighthouse\n\tin the  'rain', \"softly\"",
    "accents": "un phare \N{SNOWFLAKE} sous la neige d'\xe9t\xe9, lighthouse",
    "one word": "\nlighthouse",
    "one letter": "q",
    "no letters": "?!",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("negative", [False, True])
def test_prompts_are_in_no_event_not_even_in_errors(secret: str, negative: bool) -> None:
    def leak(job: lt.Job) -> None:
        prompt = job.negative_prompt if negative else job.prompt
        raise KeyError(f"quite unknown: {prompt}: {prompt!r} or {prompt!a} <end>")

    watcher = Watcher()
    prompt, negative_prompt = ("fog", secret) if negative else (secret, None)
    request = lt.GenerationRequest(prompt, negative_prompt=negative_prompt)
    with pytest.raises(lt.StageError, match="unknown"):
        pipeline_of(leak, observers=(watcher,)).generate(request)
    *_, stage_ended, run_ended = watcher.told
    for event in (stage_ended, run_ended):
        assert isinstance(event, lt.StageEnded | lt.RunEnded)
        assert event.error is not None
        assert re.findall(r"\[prompt\]", event.error) == ["[prompt]"] * (3 if secret != "?!" else 0)
        assert "lighthouse" not in event.error
        assert "KeyError: " in event.error
        assert "quite unknown: " in event.error
        assert "<end>" in event.error


def test_a_prompt_that_is_part_of_the_other_one_hides_nothing() -> None:
    def leak(job: lt.Job) -> None:
        raise ValueError(job.negative_prompt)

    watcher = Watcher()
    request = lt.GenerationRequest("fog", negative_prompt="fog around a lighthouse")
    with pytest.raises(lt.StageError):
        pipeline_of(leak, observers=(watcher,)).generate(request)
    assert watcher.of(lt.StageEnded)[-1].error == "ValueError: [prompt]"


def test_error_texts_are_short() -> None:
    def fail() -> None:
        raise ValueError("x " * 10_000)

    watcher = Watcher()
    with pytest.raises(lt.StageError):
        pipeline_of(fail, observers=(watcher,)).generate(REQUEST)
    assert [len(e.error) for e in watcher.told[-2:]] == [500, 500]  # type: ignore[union-attr,arg-type]


def test_error_texts_can_be_written_anywhere() -> None:
    def fail() -> None:
        raise ValueError("no such file: \udcff")

    watcher = Watcher()
    with pytest.raises(lt.StageError):
        pipeline_of(fail, observers=(watcher,)).generate(REQUEST)
    assert watcher.of(lt.StageEnded)[-1].error == "ValueError: no such file: \\udcff"


def test_a_text_too_long_to_look_for_prompts_in_is_not_shown() -> None:
    def leak(job: lt.Job) -> None:
        raise ValueError(job.prompt * 100)

    watcher = Watcher()
    with pytest.raises(lt.StageError):
        pipeline_of(leak, observers=(watcher,)).generate(lt.GenerationRequest("fog " * 1_000))
    assert watcher.of(lt.StageEnded)[-1].error == "ValueError: its message is too long to be shown"


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class MuteCodec(FogCodec):
    def encode(self, value: FogState, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        raise Unspeakable


def test_an_error_without_words_is_told_by_its_name() -> None:
    watcher = Watcher()
    pipeline = lt.Pipeline(FOG.evolve(codecs=(MuteCodec(),)), observers=(watcher,))
    with pytest.raises(lt.PluginError):
        pipeline.generate(CONTINUABLE)
    told = watcher.of(lt.RunEnded)[0].error
    assert told is not None
    assert told.endswith("Unspeakable: its message cannot be shown")


WHO: contextvars.ContextVar[str] = contextvars.ContextVar("WHO", default="nobody")


@pytest.mark.parametrize("streamed", [False, True])
def test_observers_and_stages_see_the_context_of_the_caller(streamed: bool) -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(WHO.get())

    pipeline = pipeline_of(look, observers=(lambda event: look(),))
    token = WHO.set("caller")
    events = pipeline.stream(REQUEST) if streamed else iter([pipeline.generate(REQUEST)])
    WHO.reset(token)
    list(events)
    assert set(seen) == {"caller"}


def test_nothing_is_made_for_observers_that_are_not_there() -> None:
    assert calls_while(lt.Pipeline(FOG).generate, REQUEST) == set()
    assert "RunStarted" in calls_while(lt.Pipeline(FOG, observers=(print_no,)).generate, REQUEST)


def print_no(event: lt.RunEvent) -> None:
    """An observer that does nothing."""


def calls_while(function: Callable[[lt.GenerationRequest], object], *arguments: Any) -> set[str]:
    """The classes of run events that are made while the function runs."""
    made: set[str] = set()

    def profile(frame: FrameType, event: str, argument: object) -> None:
        name = frame.f_code.co_filename
        if event == "call" and "longtake.runs.events." in name:
            made.add(name.strip("<>").rpartition(".")[2])

    sys.setprofile(profile)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return made


class Faulty:
    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, event: lt.RunEvent) -> None:
        self.calls += 1
        raise self.error


class Panic(BaseException):
    pass


@pytest.mark.parametrize(
    "error", [ValueError("bad"), lt.Cancelled("no"), SystemExit(1), Panic("at the disco")]
)
def test_an_observer_that_raises_is_reported_once_and_left_out(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    faulty, watcher = Faulty(error), Watcher()
    pipeline = pipeline_of(observers=(faulty, watcher))
    with caplog.at_level(logging.ERROR, "longtake"):
        assert len(pipeline.generate(REQUEST).frames) == 9
        assert len(pipeline.generate(REQUEST).frames) == 9
    assert faulty.calls == 1
    assert len(caplog.records) == 1
    assert "Faulty" in caplog.text
    assert "Traceback" in caplog.text
    assert len(watcher.told) == 2 * 5


def test_the_others_hear_the_event_at_which_one_raises() -> None:
    before, after = Watcher(), Watcher()
    pipeline = pipeline_of(
        observers=(before, Faulty(ValueError("bad")), Faulty(KeyError("bad")), after)
    )
    pipeline.generate(REQUEST)
    assert before.told == after.told
    assert isinstance(before.told[0], lt.RunStarted)


def test_an_observer_is_left_out_of_later_streams_and_finishes_too() -> None:
    faulty = Faulty(ValueError("bad"))
    pipeline = lt.Pipeline(FOG, observers=(faulty,))
    *_, final = pipeline.stream(CONTINUABLE)
    assert isinstance(final, lt.Final)
    assert final.result.state is not None
    assert pipeline.finish(final.result.state).audio is not None
    assert faulty.calls == 1


def test_an_observer_that_one_pipeline_leaves_out_is_told_by_the_others() -> None:
    faulty = Faulty(ValueError("bad"))
    for pipeline in [pipeline_of(observers=(faulty,)), pipeline_of(observers=(faulty,))]:
        pipeline.generate(REQUEST)
    assert faulty.calls == 2


class Alike(Faulty):
    """Equal to all of its kind, broken or not."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike)

    __hash__ = None  # type: ignore[assignment]


class Whole(Alike):
    def __call__(self, event: lt.RunEvent) -> None:
        self.calls += 1


def test_an_observer_that_equals_a_broken_one_is_told_on() -> None:
    whole, broken = Whole(ValueError()), Alike(ValueError())
    pipeline_of(observers=(whole, broken)).generate(REQUEST)
    assert (whole.calls, broken.calls) == (5, 1)


def test_an_observer_that_raises_only_later_is_told_until_then() -> None:
    watcher = Watcher()

    def refuse_the_end(event: lt.RunEvent) -> None:
        watcher(event)
        if isinstance(event, lt.RunEnded):
            raise OSError("the log is full")

    pipeline = pipeline_of(observers=(refuse_the_end,))
    pipeline.generate(REQUEST)
    pipeline.generate(REQUEST)
    assert len(watcher.told) == 5
    assert_balanced(watcher.told)


@pytest.mark.parametrize("at", [lt.RunStarted, lt.StageStarted, lt.StageEnded])
def test_a_keyboard_interrupt_is_the_users_and_stops_the_run(at: type) -> None:
    def interrupt(event: lt.RunEvent) -> None:
        if isinstance(event, at):
            raise KeyboardInterrupt

    watcher = Watcher()
    pipeline = pipeline_of(observers=(interrupt, watcher))
    with pytest.raises(KeyboardInterrupt):
        pipeline.generate(REQUEST)
    assert_balanced(watcher.told)
    assert watcher.summary()[-1] == "run cancelled"
    assert len(watcher.of(lt.StageStarted)) <= 1


def test_the_example_plugin_logs_runs(caplog: pytest.LogCaptureFixture) -> None:
    (log_run,) = log_runs.longtake_observers()
    pipeline = lt.Pipeline(FOG, observers=(log_run,))
    with caplog.at_level(logging.INFO, "longtake_runs"):
        pipeline.generate(REQUEST)
        with pytest.raises(lt.ValidationError):
            pipeline.generate(REFUSED["refused by a check"])
    done, failed = caplog.messages
    assert re.fullmatch(r"segment of fog took \d+\.\d s: done", done)
    assert failed.endswith("ValidationError: sampling.num_frames: must be odd")
