"""Requests to extend a take over HTTP, the segments that they make, and the state after them."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import longtake as lt
from longtake_serve.http.bodies import json_body
from longtake_serve.http.documents import between, list_of, number_in, page, schema_of
from longtake_serve.http.operations import Operation, Parameter
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.service import TakeService
from longtake_serve.takes.views import WorkView

__all__ = ["SegmentView", "WorkRoutes"]

_TAKE = "/v1/sessions/{take}"
_PAGE = 100


@frozen(kw_only=True)
class SegmentView:
    """A segment that is there.

    - ``request``: as it was asked for; big inputs by their digests. ``seconds``: how long it is.
    - ``state_digest``: of the state after it. ``committed``: when, in seconds since 1970.
    """

    index: int
    seconds: float
    state_digest: str | None
    request: dict[str, Any]
    made_by: str
    versions: dict[str, str]
    committed: float


class WorkRoutes:
    """The operations. ``request_schema``: of what extends a take."""

    def __init__(
        self, service: TakeService, limits: ServeLimits, request_schema: dict[str, Any]
    ) -> None:
        self._service = service
        self._most = limits.body_bytes
        self._schema = request_schema

    def operations(self) -> list[Operation]:
        """What this adds to a server."""
        return [*self._of_requests(), *self._of_results()]

    def _of_requests(self) -> list[Operation]:
        work = schema_of(WorkView)
        key = Parameter(
            "Idempotency-Key", "The same again gives the work that it made.", place="header"
        )
        trace = Parameter("traceparent", "The trace that it is part of.", place="header")
        return [
            Operation(
                method="POST",
                path=f"{_TAKE}/segments",
                answer=self.extend,
                summary="Queue a request for the next segment.",
                status=202,
                body=self._schema,
                result=work,
                parameters=(key, trace),
                errors=(400, 404, 409, 413, 415, 422, 429),
            ),
            Operation(
                method="GET",
                path=f"{_TAKE}/work",
                answer=self.work,
                summary="Requests, open and ended, in the order in which they came.",
                result=list_of(work),
                errors=(404,),
            ),
            Operation(
                method="DELETE",
                path=f"{_TAKE}/work/{{work}}",
                answer=self.cancel,
                summary="Cancel a request. One that is rolled stops within a step.",
                result=work,
                errors=(404,),
            ),
            Operation(
                method="GET",
                path="/v1/schema",
                answer=self.schema,
                summary="The JSON Schema of requests.",
                result={"type": "object"},
                result_type="application/schema+json",
            ),
        ]

    def _of_results(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path=f"{_TAKE}/segments",
                answer=self.segments,
                summary="The segments that are there.",
                result=list_of(schema_of(SegmentView)),
                parameters=(
                    Parameter("start", "Begin with the one of this index.", between(0, 2**31)),
                    Parameter("limit", "At most so many.", between(1, 1000)),
                ),
                errors=(404, 422),
            ),
            Operation(
                method="GET",
                path=f"{_TAKE}/state",
                answer=self.state,
                summary="The state after the last segment.",
                result=schema_of(lt.ContinuationState),
                errors=(404,),
            ),
        ]

    async def extend(self, request: Request, tenant: str) -> Response:
        """One more request."""
        document = await json_body(request, self._most)
        key = request.headers.get("idempotency-key")
        take = request.path_params["take"]
        trace = request.headers.get("traceparent")
        view = await run_in_threadpool(
            self._service.extend, tenant, take, document, key=key, traceparent=trace
        )
        return JSONResponse(lt.unstructure(view), 202)

    async def segments(self, request: Request, tenant: str) -> Response:
        """Segments, a page of them."""
        start = number_in(request, "start", 0, 0, 2**31)
        limit = number_in(request, "limit", _PAGE, 1, 1000)
        take = request.path_params["take"]
        found = await run_in_threadpool(
            self._service.segments, tenant, take, start=start, limit=limit
        )
        return page([_view(each) for each in found], has_more=len(found) == limit)

    async def work(self, request: Request, tenant: str) -> Response:
        """Requests."""
        take = request.path_params["take"]
        return page(await run_in_threadpool(self._service.work, tenant, take), has_more=False)

    async def cancel(self, request: Request, tenant: str) -> Response:
        """One request less."""
        take, work = request.path_params["take"], request.path_params["work"]
        (view,) = await run_in_threadpool(self._service.cancel, tenant, take, work)
        return JSONResponse(lt.unstructure(view))

    async def state(self, request: Request, tenant: str) -> Response:
        """What the next segment goes on from."""
        take = request.path_params["take"]
        state = await run_in_threadpool(self._service.state, tenant, take)
        if state is None:
            raise lt.SessionNotFound(f"take {take!r} has no segment yet, so no state")
        return JSONResponse(await run_in_threadpool(lt.unstructure, state))

    async def schema(self, request: Request, tenant: str) -> Response:
        """Of requests."""
        return JSONResponse(self._schema, media_type="application/schema+json")


def _view(segment: lt.SessionSegment) -> SegmentView:
    return SegmentView(
        index=segment.index,
        seconds=segment.seconds,
        state_digest=segment.state_digest,
        request=segment.request,
        made_by=segment.made_by,
        versions=segment.versions,
        committed=segment.committed,
    )
