"""Spans: one for each run, below it one for each stage, on which steps are events."""

from __future__ import annotations

from contextvars import Token

from attrs import define
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import longtake as lt
import longtake_otel
from longtake_otel.attributes import Ended, Value, of_end, of_run, of_stage, type_and_message

__all__ = ["Spans"]


@define
class _Current:
    """A span that is current in the thread of its run; ``token`` gives way to the one before."""

    span: Span
    token: Token[Context]

    def end(self, event: Ended) -> None:
        self.span.set_attributes(of_end(event))
        if event.error is not None:
            self.span.set_status(Status(StatusCode.ERROR, event.error))
            self.span.add_event("exception", _exception(event.error), event.time_ns)
        context.detach(self.token)
        self.span.end(event.time_ns)


@define
class _OpenRun:
    run: _Current
    stage: _Current | None = None


class Spans:
    """The spans of the runs that are going on; nothing is kept of a run that has ended."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("longtake", longtake_otel.__version__, provider)
        self._open: dict[str, _OpenRun] = {}

    def start_run(self, event: lt.RunStarted) -> None:
        """The parent is the span that is current where the run was asked for.

        Without one, as in a worker, it is that of the trace which the run belongs to.
        """
        attributes = of_run(event) | {
            "longtake.run.id": event.run_id,
            "longtake.run.waited": event.waited_seconds,
        }
        if event.session_id is not None:
            attributes["longtake.session.id"] = event.session_id
        name = f"{event.purpose} {event.family}"
        run = self._started(name, attributes, event.time_ns, _parent(event.traceparent))
        self._open[event.run_id] = _OpenRun(run)

    def start_stage(self, event: lt.StageStarted) -> None:
        """The parent is the span of the run."""
        attributes = of_stage(event) | {
            "longtake.run.id": event.run_id,
            "longtake.stage.index": event.stage_index,
        }
        stage = self._started(f"stage {event.stage}", attributes, event.time_ns)
        self._open[event.run_id].stage = stage

    def add_step(self, event: lt.StepDone) -> None:
        """An event on the stage's span."""
        stage = self._open[event.run_id].stage
        if stage is not None:
            step = {"longtake.step.number": event.step, "longtake.step.total": event.total}
            stage.span.add_event("longtake.step", step, event.time_ns)

    def end_stage(self, event: lt.StageEnded) -> None:
        """With its error, if it failed."""
        run = self._open[event.run_id]
        if run.stage is not None:
            run.stage.end(event)
            run.stage = None

    def describe_segment(self, event: lt.SegmentDone) -> None:
        """What was made, on the run's span."""
        made: dict[str, Value] = {
            "longtake.segment.index": event.segment_index,
            "longtake.segment.continued": event.continued,
            "longtake.segment.frames": event.num_frames,
            "longtake.segment.height": event.height,
            "longtake.segment.width": event.width,
            "longtake.segment.fps": float(event.fps),
            "longtake.segment.samples": event.num_samples,
        }
        if event.sample_rate is not None:
            made["longtake.segment.sample_rate"] = event.sample_rate
        self._open[event.run_id].run.span.set_attributes(made)

    def end_run(self, event: lt.RunEnded) -> None:
        """With its error, if it failed."""
        self._open.pop(event.run_id).run.end(event)

    def _started(
        self,
        name: str,
        attributes: dict[str, Value],
        time_ns: int,
        parent: Context | None = None,
    ) -> _Current:
        """A span below ``parent``'s or the current one, which it follows as the current one."""
        span = self._tracer.start_span(
            name, context=parent, attributes=attributes, start_time=time_ns
        )
        return _Current(span, context.attach(trace.set_span_in_context(span)))


def _parent(traceparent: str | None) -> Context | None:
    """The context of a trace that began elsewhere; None below a span of this process."""
    if traceparent is None or trace.get_current_span().get_span_context().is_valid:
        return None
    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})


def _exception(error: str) -> dict[str, Value]:
    name, message = type_and_message(error)
    return {"exception.type": name, "exception.message": message}
