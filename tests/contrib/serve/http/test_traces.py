"""Segments that are served as OpenTelemetry's spans: whose take, and in whose trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("longtake_serve")
pytest.importorskip("longtake_otel")
pytest.importorskip("opentelemetry.sdk")

from attrs import define
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from longtake_otel import telemetry
from tests.contrib.serve.http.server import SLOW, TINY, Served, served

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@define
class Exported:
    """A server, and what the plugin sends of it."""

    server: Served
    exporter: InMemorySpanExporter

    def extend(self, take: str, prompt: str, **headers: str) -> None:
        asked = {"prompt": prompt, "sampling": TINY}
        path = f"/v1/sessions/{take}/segments"
        assert self.server.client.post(path, json=asked, headers=headers).status_code == 202

    def segments(self, take: str) -> list[ReadableSpan]:
        """The spans of the take's segments, in their order."""
        spans = [
            span
            for span in self.exporter.get_finished_spans()
            if attributes(span).get("longtake.session.id") == take
        ]
        return sorted(spans, key=lambda span: attributes(span)["longtake.segment.index"])


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Where the installed plugin's own observer sends spans, in the place of global providers."""
    exporter = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "GLOBAL", telemetry.Telemetry(tracers, MeterProvider()))
    return exporter


@contextmanager
def exported(folder: Path, exporter: InMemorySpanExporter) -> Iterator[Exported]:
    with served(folder) as server:
        yield Exported(server, exporter)


def test_spans_of_a_request_have_the_takes_id(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    with exported(tmp_path, exporter) as it:
        takes = [it.server.rolled("sea", "dunes"), it.server.rolled("snow")]
    for take, count in zip(takes, (2, 1), strict=True):
        found = it.segments(take)
        assert [span.name for span in found] == ["segment pendulum"] * count
        assert [attributes(span)["longtake.outcome"] for span in found] == ["done"] * count
        for span in found:
            assert span.parent is None
            stages = [
                each
                for each in exporter.get_finished_spans()
                if each.parent is not None and each.parent == span.get_span_context()
            ]
            assert len(stages) > 1


def test_a_segment_is_in_the_trace_of_the_client_that_asked_for_it(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    with exported(tmp_path, exporter) as it:
        take = it.server.take("sea")
        it.extend(take, "dunes", traceparent=PARENT)  # which waits for the one before
        it.extend(take, "snow")
        it.server.settle(take)
    before, asked, after = it.segments(take)
    assert asked.parent is not None and asked.context is not None
    assert f"{asked.context.trace_id:032x}" == TRACE
    assert f"{asked.parent.span_id:016x}" == SPAN
    assert before.parent is None and after.parent is None


@pytest.mark.parametrize(
    "header",
    ["", "00", PARENT[:-1], PARENT.upper(), f"00-{'0' * 32}-{SPAN}-01", "x" * 5000, "\xe9" * 55],
)
def test_what_is_no_trace_is_passed_over(
    tmp_path: Path, exporter: InMemorySpanExporter, header: str
) -> None:
    with exported(tmp_path, exporter) as it:
        take = it.server.take()
        it.extend(take, "sea", traceparent=header.encode("latin-1"))  # type: ignore[arg-type]
        it.server.settle(take)
        assert it.server.work(take)[0]["status"] == "done"
    assert [span.parent for span in it.segments(take)] == [None]


def test_a_trace_outlives_the_server_that_was_asked(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    with exported(tmp_path, exporter) as it:
        slow = it.server.take("a long one, before which nothing else is rolled", sampling=SLOW)
        take = it.server.take()
        it.extend(take, "sea", traceparent=PARENT)
    assert it.segments(take) == []
    with exported(tmp_path, exporter) as it:
        assert it.server.client.delete(f"/v1/sessions/{slow}").is_success
        it.server.settle(take)
    (span,) = it.segments(take)
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == TRACE
