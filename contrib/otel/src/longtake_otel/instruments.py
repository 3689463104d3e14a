"""Metrics: how many and how long."""

from __future__ import annotations

from opentelemetry import metrics
from opentelemetry.metrics import MeterProvider

import longtake as lt
import longtake_otel
from longtake_otel.attributes import of_end, of_run, of_stage

__all__ = ["Instruments"]

_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600, 1800)
"""Bounds of the histograms' buckets, unless the program has a view of its own."""


class Instruments:
    """The instruments, on one meter."""

    def __init__(self, provider: MeterProvider | None = None) -> None:
        meter = metrics.get_meter("longtake", longtake_otel.__version__, provider)

        def seconds(name: str, description: str) -> metrics.Histogram:
            return meter.create_histogram(
                name, "s", description, explicit_bucket_boundaries_advisory=_SECONDS
            )

        self._waits = seconds("longtake.run.wait", "How long runs waited for their turn.")
        self._runs = seconds("longtake.run.duration", "How long runs took.")
        self._stages = seconds("longtake.stage.duration", "How long stages took.")
        self._active = meter.create_up_down_counter(
            "longtake.run.active", "{run}", "Runs that are going on."
        )
        self._segments = meter.create_counter("longtake.segments", "{segment}", "Segments made.")
        self._frames = meter.create_counter("longtake.frames", "{frame}", "New frames made.")
        self._steps = meter.create_counter("longtake.steps", "{step}", "Steps that stages did.")

    def start_run(self, event: lt.RunStarted) -> None:
        """One more is going on."""
        self._waits.record(event.waited_seconds, of_run(event))
        self._active.add(1, of_run(event))

    def count_step(self, event: lt.StepDone) -> None:
        """One more step of the stage."""
        self._steps.add(1, of_run(event) | of_stage(event))

    def end_stage(self, event: lt.StageEnded) -> None:
        """How long it took, and how it ended."""
        self._stages.record(event.seconds, of_run(event) | of_stage(event) | of_end(event))

    def count_segment(self, event: lt.SegmentDone) -> None:
        """One more segment, and its new frames."""
        self._segments.add(1, of_run(event))
        self._frames.add(event.num_frames, of_run(event))

    def end_run(self, event: lt.RunEnded) -> None:
        """One fewer is going on; how long it took, and how it ended."""
        self._active.add(-1, of_run(event))
        self._runs.record(event.seconds, of_run(event) | of_end(event))
