"""Run events as spans and metrics."""

from __future__ import annotations

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

import longtake as lt
from longtake_otel.instruments import Instruments
from longtake_otel.spans import Spans

__all__ = ["GLOBAL", "Telemetry"]


class Telemetry:
    """An observer that turns events into spans and metrics.

    The providers are those that the program has set, or sets later, unless others are given. May
    be given to any number of pipelines and be told of their runs from any number of threads.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._spans = Spans(tracer_provider)
        self._instruments = Instruments(meter_provider)

    def __call__(self, event: lt.RunEvent) -> None:
        match event:
            case lt.RunStarted():
                self._spans.start_run(event)
                self._instruments.start_run(event)
            case lt.StageStarted():
                self._spans.start_stage(event)
            case lt.StepDone():
                self._spans.add_step(event)
                self._instruments.count_step(event)
            case lt.StageEnded():
                self._instruments.end_stage(event)
                self._spans.end_stage(event)
            case lt.SegmentDone():
                self._spans.describe_segment(event)
                self._instruments.count_segment(event)
            case lt.RunEnded():
                self._instruments.end_run(event)
                self._spans.end_run(event)


GLOBAL = Telemetry()
"""The plugin's observer; made once, whichever thread has the first event."""
