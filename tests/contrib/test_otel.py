"""Runs as OpenTelemetry's spans and metrics, also when many go on at once."""

from __future__ import annotations

import gc
import json
import re
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest

import longtake as lt
from longtake.testing import FakeDistributions
from tests.sdk.toy_family import FOG, pipeline_of

pytest.importorskip("longtake_otel")
pytest.importorskip("opentelemetry.sdk")

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
    InMemorySpanExporter,
)

from longtake_otel.telemetry import Telemetry  # once it is known to be there

REQUEST = lt.GenerationRequest("fog", sampling=lt.Sampling(num_inference_steps=2))
PLAIN = lt.GenerationRequest("fog")
CONTINUABLE = attrs.evolve(
    REQUEST, output=lt.Output(return_state=True, last=False, overlap_frames=2)
)
STAGES = ["prepare", "denoise", "paint", "sing", "remember"]
WAIT = 10
"""Seconds after which a test that hangs fails."""


class Backend:
    """Receives what the observer sends."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.tracers.get_tracer("test")
        self.reader = InMemoryMetricReader()
        self.observer = Telemetry(self.tracers, MeterProvider([self.reader]))

    def spans(self, prefix: str = "") -> list[ReadableSpan]:
        return [s for s in self.exporter.get_finished_spans() if s.name.startswith(prefix)]

    def span(self, name: str) -> ReadableSpan:
        (span,) = (span for span in self.spans() if span.name == name)
        return span

    def points(self, metric: str) -> list[Any]:
        data: Any = self.reader.get_metrics_data()
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in each.data.data_points
        ]

    def value(self, metric: str) -> float:
        (point,) = self.points(metric)
        return float(point.value)


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture(autouse=True)
def nothing_stays_current() -> Iterator[None]:
    before = otel_context.get_current()
    yield
    assert otel_context.get_current() == before


def span_id(span: Any) -> int:
    return int(span.get_span_context().span_id)


def parent_id(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_segment_is_a_span_with_one_for_each_stage_below(backend: Backend) -> None:
    lt.Pipeline(FOG, observers=(backend.observer,)).generate(REQUEST)
    run = backend.span("segment fog")
    stages = backend.spans("stage ")
    assert parent_id(run) is None
    assert [span.name for span in stages] == [f"stage {name}" for name in STAGES]
    assert {parent_id(span) for span in stages} == {span_id(run)}
    said = attributes(run)
    assert len(said.pop("longtake.run.id")) == 32
    assert said.pop("longtake.run.waited") >= 0
    assert said == {
        "longtake.family": "fog",
        "longtake.preset": "thin@1",
        "longtake.device": "cpu",
        "longtake.run.purpose": "segment",
        "longtake.segment.index": 0,
        "longtake.segment.continued": False,
        "longtake.segment.frames": 9,
        "longtake.segment.height": 4,
        "longtake.segment.width": 6,
        "longtake.segment.fps": 24.0,
        "longtake.segment.samples": 90,
        "longtake.segment.sample_rate": 240,
        "longtake.outcome": "done",
    }
    assert attributes(stages[1]) == {
        "longtake.run.id": attributes(run)["longtake.run.id"],
        "longtake.stage.name": "denoise",
        "longtake.stage.index": 1,
        "longtake.outcome": "done",
    }


def test_spans_lie_in_time_as_they_lie_in_each_other(backend: Backend) -> None:
    lt.Pipeline(FOG, observers=(backend.observer,)).generate(REQUEST)
    run = backend.span("segment fog")
    times: list[int] = [run.start_time or 0]
    for stage in backend.spans("stage "):
        times += [stage.start_time or 0, *(e.timestamp for e in stage.events), stage.end_time or 0]
    times.append(run.end_time or 0)
    assert times == sorted(times)
    assert times[0] > 0


def test_times_are_those_of_the_events(backend: Backend) -> None:
    """And not of when they are told: a run may wait for other observers in between."""
    told: list[lt.RunEvent] = []
    lt.Pipeline(FOG, observers=(told.append,)).generate(REQUEST)
    for event in told:
        backend.observer(attrs.evolve(event, time_ns=event.time_ns - 10**12))
    spans = sorted(backend.spans(), key=lambda span: span.start_time or 0)
    starts = [e.time_ns for e in told if isinstance(e, lt.RunStarted | lt.StageStarted)]
    ends = [e.time_ns for e in told if isinstance(e, lt.RunEnded | lt.StageEnded)]
    steps = [e.time_ns for e in told if isinstance(e, lt.StepDone)]
    assert [(span.start_time or 0) + 10**12 for span in spans] == starts
    assert sorted((span.end_time or 0) + 10**12 for span in spans) == ends
    assert [e.timestamp + 10**12 for span in spans for e in span.events] == steps


def test_steps_are_events_of_their_stage(backend: Backend) -> None:
    lt.Pipeline(FOG, observers=(backend.observer,)).generate(REQUEST)
    told = [(e.name, dict(e.attributes or {})) for e in backend.span("stage denoise").events]
    assert told == [
        ("longtake.step", {"longtake.step.number": step, "longtake.step.total": 2})
        for step in (1, 2)
    ]
    assert backend.span("stage paint").events == ()


def test_a_finish_is_a_span_too(backend: Backend) -> None:
    pipeline = lt.Pipeline(FOG, observers=(backend.observer,))
    state = pipeline.generate(CONTINUABLE).state
    assert state is not None
    pipeline.finish(state)
    finish = backend.span("finish fog")
    assert parent_id(backend.span("stage settle")) == span_id(finish)
    assert backend.value("longtake.segments") == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_the_parent_is_the_current_span_of_the_caller(backend: Backend, streamed: bool) -> None:
    pipeline = lt.Pipeline(FOG, observers=(backend.observer,))
    with backend.tracer.start_as_current_span("caller") as caller:
        if streamed:
            for _ in pipeline.stream(REQUEST):
                assert trace.get_current_span() is caller
        else:
            pipeline.generate(REQUEST)
        assert trace.get_current_span() is caller
    run = backend.span("segment fog")
    assert parent_id(run) == span_id(caller)
    assert run.context is not None
    assert run.context.trace_id == caller.get_span_context().trace_id


def test_a_stream_that_is_read_later_is_still_its_callers(backend: Backend) -> None:
    pipeline = lt.Pipeline(FOG, observers=(backend.observer,))
    with backend.tracer.start_as_current_span("caller") as caller:
        events = pipeline.stream(REQUEST)
    with backend.tracer.start_as_current_span("reader"), ThreadPoolExecutor(1) as threads:
        threads.submit(list, events).result(WAIT)
    assert parent_id(backend.span("segment fog")) == span_id(caller)


@pytest.mark.parametrize("streamed", [False, True])
def test_spans_that_a_stage_makes_are_below_its_own(backend: Backend, streamed: bool) -> None:
    def ask_a_server() -> None:
        backend.tracer.start_span("GET").end()

    pipeline = pipeline_of(ask_a_server, observers=(backend.observer,))
    list(pipeline.stream(PLAIN)) if streamed else pipeline.generate(PLAIN)
    assert parent_id(backend.span("GET")) == span_id(backend.span("stage ask_a_server"))


def test_a_failure_is_on_the_span_of_the_stage_and_of_the_run(backend: Backend) -> None:
    def fail() -> None:
        raise OSError("no space")

    with pytest.raises(lt.StageError):
        pipeline_of(fail, observers=(backend.observer,)).generate(PLAIN)
    stage, run = backend.span("stage fail"), backend.span("segment toy")
    assert [attributes(span)["longtake.outcome"] for span in (stage, run)] == ["failed"] * 2
    assert [attributes(span)["error.type"] for span in (stage, run)] == ["OSError", "StageError"]
    assert {span.status.status_code for span in (stage, run)} == {trace.StatusCode.ERROR}
    assert stage.status.description == "OSError: no space"
    (event,) = stage.events
    assert event.name == "exception"
    assert dict(event.attributes or {}) == {
        "exception.type": "OSError",
        "exception.message": "no space",
    }
    assert [e.name for e in run.events] == ["exception"]


def test_a_request_that_is_refused_is_a_failed_run(backend: Backend) -> None:
    pipeline = lt.Pipeline(FOG, observers=(backend.observer,))
    with pytest.raises(lt.ValidationError):
        pipeline.generate(attrs.evolve(REQUEST, state=lt.ContinuationState("fog.v1", {})))
    assert attributes(backend.span("segment fog"))["error.type"] == "ValidationError"
    (point,) = backend.points("longtake.run.duration")
    assert point.attributes["error.type"] == "ValidationError"


def test_a_run_that_its_reader_leaves_is_cancelled_and_no_error(backend: Backend) -> None:
    events = lt.Pipeline(FOG, observers=(backend.observer,)).stream(REQUEST)
    while next(events) != lt.Progress("denoise", 1, 2):
        pass
    events.close()
    for span in (backend.span("stage denoise"), backend.span("segment fog")):
        assert attributes(span)["longtake.outcome"] == "cancelled"
        assert span.status.status_code is trace.StatusCode.UNSET
    assert backend.value("longtake.run.active") == 0


def test_no_span_shows_a_prompt(backend: Backend) -> None:
    def leak(job: lt.Job) -> None:
        raise ValueError(f"cannot read {job.prompt}")

    pipeline = pipeline_of(leak, observers=(backend.observer,))
    with pytest.raises(lt.StageError):
        pipeline.generate(lt.GenerationRequest("a lighthouse"))
    assert "cannot read [prompt]" in backend.span("stage leak").to_json()
    assert not any("lighthouse" in span.to_json() for span in backend.spans())


RUN = {
    "longtake.family": "fog",
    "longtake.preset": "thin@1",
    "longtake.device": "cpu",
    "longtake.run.purpose": "segment",
}


def test_runs_stages_segments_frames_and_steps_are_counted(backend: Backend) -> None:
    pipeline = lt.Pipeline(FOG, observers=(backend.observer,))
    state = pipeline.generate(CONTINUABLE).state
    pipeline.generate(attrs.evolve(REQUEST, state=state))
    for metric, value in {
        "longtake.segments": 2,
        "longtake.frames": 9 + 7,
        "longtake.run.active": 0,
    }.items():
        (point,) = backend.points(metric)
        assert (point.value, dict(point.attributes)) == (value, RUN)
    (steps,) = backend.points("longtake.steps")
    assert (steps.value, dict(steps.attributes)) == (4, RUN | {"longtake.stage.name": "denoise"})
    (waits,) = backend.points("longtake.run.wait")
    assert (waits.count, dict(waits.attributes)) == (2, RUN)
    (runs,) = backend.points("longtake.run.duration")
    assert (runs.count, dict(runs.attributes)) == (2, RUN | {"longtake.outcome": "done"})
    stages = backend.points("longtake.stage.duration")
    assert {point.attributes["longtake.stage.name"] for point in stages} == set(STAGES)
    assert {point.count for point in stages} == {2}
    assert 0 < sum(point.sum for point in stages) <= runs.sum


def test_runs_that_go_on_are_active(backend: Backend) -> None:
    events = lt.Pipeline(FOG, observers=(backend.observer,)).stream(REQUEST)
    next(events)
    assert backend.value("longtake.run.active") == 1
    list(events)
    assert backend.value("longtake.run.active") == 0


def test_runs_of_many_threads_keep_to_themselves(backend: Backend) -> None:
    together = threading.Barrier(4)

    def meet() -> None:
        together.wait(WAIT)

    def generate(index: int) -> int:
        pipeline = pipeline_of(meet, meet, observers=(backend.observer,))
        with backend.tracer.start_as_current_span(f"caller {index}") as caller:
            for turn in range(3):
                list(pipeline.stream(PLAIN)) if turn else pipeline.generate(PLAIN)
        return span_id(caller)

    with ThreadPoolExecutor(4) as threads:
        callers = list(threads.map(generate, range(4)))
    runs = {span_id(span): span for span in backend.spans("segment ")}
    assert sorted(parent_id(run) or 0 for run in runs.values()) == sorted(callers * 3)
    below: dict[int, list[ReadableSpan]] = {run: [] for run in runs}
    for stage in backend.spans("stage "):
        below[parent_id(stage) or 0].append(stage)
    for run, stages in below.items():
        assert [stage.name for stage in stages] == ["stage meet", "stage meet", "stage black"]
        ids = {attributes(span)["longtake.run.id"] for span in (runs[run], *stages)}
        assert len(ids) == 1
    assert backend.value("longtake.run.active") == 0
    assert backend.value("longtake.segments") == 12


class Alive(SpanProcessor):
    """Knows which spans still take room."""

    def __init__(self) -> None:
        self.spans: list[weakref.ref[Span]] = []

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        self.spans.append(weakref.ref(span))


def test_nothing_is_kept_of_runs_that_are_over() -> None:
    alive, tracers, cancel = Alive(), TracerProvider(), threading.Event()
    tracers.add_span_processor(alive)
    pipeline = lt.Pipeline(FOG, observers=(Telemetry(tracers, MeterProvider([])),))
    pipeline.generate(REQUEST)
    list(pipeline.stream(REQUEST))
    next(pipeline.stream(REQUEST))  # and leave
    for request in (
        attrs.evolve(REQUEST, sampling=lt.Sampling(num_frames=4)),
        attrs.evolve(REQUEST, state=lt.ContinuationState("fog.v1", {})),
    ):
        with pytest.raises(lt.ValidationError):
            pipeline.generate(request)
    cancel.set()
    with pytest.raises(lt.Cancelled):
        pipeline.generate(REQUEST, cancel=cancel.is_set)
    gc.collect()
    assert len(alive.spans) > 2 * len(STAGES)
    assert [span() for span in alive.spans if span() is not None] == []


OF_A_PROGRAM = """
import sys
import longtake as lt
from tests.sdk.toy_family import FOG

request = lt.GenerationRequest("fog")
with lt.load(family=FOG) as pipeline:
    assert "longtake_otel" in sys.modules
    assert not any(name.partition(".")[0] == "opentelemetry" for name in sys.modules)
    pipeline.generate(request)  # before there is a provider

    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    trace.set_tracer_provider(TracerProvider())
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
    metrics.set_meter_provider(MeterProvider([reader]))
    pipeline.generate(request)

scope = reader.get_metrics_data().resource_metrics[0].scope_metrics[0]
print(*(span.name for span in exporter.get_finished_spans()), sep=", ")
print(*sorted(metric.name for metric in scope.metrics), sep=", ")
"""


def test_an_installed_plugin_uses_the_providers_of_the_program(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = FakeDistributions(tmp_path, beside=(root,)).python("-c", OF_A_PROGRAM)
    assert (done.code, done.err) == (0, "")
    spans, metrics = done.out.splitlines()
    assert spans == ", ".join([*(f"stage {name}" for name in STAGES), "segment fog"])
    assert metrics == (
        "longtake.frames, longtake.run.active, longtake.run.duration, longtake.run.wait, "
        "longtake.segments, longtake.stage.duration, longtake.steps"
    )


def test_importing_the_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, longtake_otel; longtake_otel.longtake_observers(); print(*sys.modules.keys())"
    )
    modules = FakeDistributions(tmp_path).python("-c", code).out.split()
    assert {name.partition(".")[0] for name in modules} - sys.stdlib_module_names <= {
        "__main__",
        "attr",
        "attrs",
        "longtake",
        "longtake_otel",
        "pluggy",
        *site_hooks(tmp_path),
    }


def site_hooks(tmp_path: Path) -> set[str]:
    """What a bare Python of this environment has imported before any of our code."""
    modules = (
        FakeDistributions(tmp_path).python("-c", "import sys; print(*sys.modules)").out.split()
    )
    return {name.partition(".")[0] for name in modules}


def test_the_page_lists_every_span_event_metric_and_attribute(backend: Backend) -> None:
    def fail() -> None:
        raise OSError("no space")

    with lt.Pipeline(FOG, observers=(backend.observer,)) as pipeline:
        sessions = lt.open_session_store("memory:")
        sessions.create("hill", family="fog", preset="thin@1")
        lt.roll(sessions, "hill", CONTINUABLE, pipeline=pipeline)
    with pytest.raises(lt.StageError):
        pipeline_of(fail, observers=(backend.observer,)).generate(PLAIN)
    document: Any = json.loads(str(backend.reader.get_metrics_data().to_json()))  # type: ignore[union-attr]
    (scope,) = document["resource_metrics"][0]["scope_metrics"]
    names = {metric["name"] for metric in scope["metrics"]}
    for metric in scope["metrics"]:
        names.update(*(point["attributes"] for point in metric["data"]["data_points"]))
    for span in backend.spans():
        names.update(attributes(span))
        for event in span.events:
            names.update([event.name], event.attributes or {})
    page = (Path(__file__).parents[2] / "docs" / "observing.md").read_text()
    assert sorted(name for name in names if f"`{name}`" not in page) == []
    listed = set(re.findall(r"`((?:longtake|error|exception)\.[a-z_.]+)`", page))
    assert sorted(listed - names) == ["longtake.observers"]  # the name of a log
