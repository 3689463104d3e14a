"""Whether a server is well, for whoever starts and watches it; nothing of any take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longtake_serve.http.operations import Operation
from longtake_serve.takes.service import TakeService

__all__ = ["Counted", "HealthRoutes"]


class HealthRoutes:
    """The operations. ``is_ready``: whether a worker has answered a probe."""

    def __init__(self, service: TakeService, is_ready: Callable[[], bool]) -> None:
        self._service = service
        self._is_ready = is_ready
        self.registry = CollectorRegistry()
        self.registry.register(_Workers(service))

    def operations(self) -> list[Operation]:
        """What this adds to a server."""
        status = {"type": "object", "properties": {"status": {"type": "string"}}}
        return [
            Operation(
                method="GET",
                path="/healthz",
                answer=self.healthz,
                summary="Whether the process answers.",
                result=status,
                is_open=True,
            ),
            Operation(
                method="GET",
                path="/readyz",
                answer=self.readyz,
                summary="Whether takes can be rolled: a worker has rolled, the store is there.",
                result=status,
                is_open=True,
                errors=(503,),
                errors_are_results=True,
            ),
            Operation(
                method="GET",
                path="/metrics",
                answer=self.metrics,
                summary="Counters and gauges for Prometheus.",
                result_type="text/plain",
                is_open=True,
            ),
        ]

    async def healthz(self, request: Request, tenant: str) -> Response:
        """It answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, request: Request, tenant: str) -> Response:
        """It can do what it is for. Raises as the store does when that is away."""
        await run_in_threadpool(self._service.list, "longtake-serve.probe", limit=1)
        status = self._service.capacity()
        ready = self._is_ready() and bool(status.workers) and not status.draining
        word = "ready" if ready else "draining" if status.draining else "starting"
        return JSONResponse({"status": word}, 200 if ready else 503)

    async def metrics(self, request: Request, tenant: str) -> Response:
        """All of them."""
        text = await run_in_threadpool(generate_latest, self.registry)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Workers(Collector):
    """The dispatcher as it is when it is asked."""

    def __init__(self, service: TakeService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        status = self._service.capacity()
        busy = sum(worker.order_id is not None for worker in status.workers)
        for name, text, value in (
            ("longtake_serve_workers", "Workers that are alive.", len(status.workers)),
            ("longtake_serve_workers_busy", "Workers that are rolling.", busy),
            (
                "longtake_serve_queued",
                "Takes that wait for a worker.",
                status.queued,
            ),
        ):
            yield GaugeMetricFamily(name, text, value)


class Counted:
    """Counts the answers of an application, and how long they took to begin."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._answers = Counter(
            "longtake_serve_answers", "Answers by status.", ["status"], registry=registry
        )
        self._seconds = Histogram(
            "longtake_serve_answer_seconds", "Until an answer began.", registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begin = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers.labels(str(message["status"])).inc()
                self._seconds.observe(time.perf_counter() - begin)
            await send(message)

        return await self._app(scope, receive, counted)
