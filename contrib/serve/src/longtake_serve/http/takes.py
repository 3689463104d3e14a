"""Takes over HTTP: they are made, listed, forked, rewound, finished and deleted."""

from __future__ import annotations

from attrs import field, frozen, validators
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import longtake as lt
from longtake_serve.http.bodies import typed_body
from longtake_serve.http.documents import between, list_of, number_in, page, schema_of
from longtake_serve.http.operations import Operation, Parameter
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.service import TakeService
from longtake_serve.takes.views import TakeView

__all__ = ["CreateTake", "FirstSegments", "TakeRoutes"]

_TAKE = "/v1/sessions/{take}"
_PAGE = 100
_LABELS = {"type": "array", "items": {"type": "string", "pattern": "="}}


@frozen(kw_only=True)
class CreateTake:
    """What a new take is. ``labels``: texts for finding it again."""

    labels: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class FirstSegments:
    """How many segments a fork begins with, or are left after rewinding."""

    num_segments: int = field(validator=validators.ge(0))


class TakeRoutes:
    """The operations."""

    def __init__(self, service: TakeService, limits: ServeLimits) -> None:
        self._service = service
        self._most = limits.body_bytes

    def operations(self) -> list[Operation]:
        """What this adds to a server."""
        return [*self._of_collection(), *self._of_one(), *self._of_branches()]

    def _of_collection(self) -> list[Operation]:
        take = schema_of(TakeView)
        return [
            Operation(
                method="POST",
                path="/v1/sessions",
                answer=self.create,
                summary="Make a take without segments.",
                status=201,
                body=schema_of(CreateTake),
                result=take,
                errors=(400, 413, 415, 422, 429),
            ),
            Operation(
                method="GET",
                path="/v1/sessions",
                answer=self.list,
                summary="List takes in the order of their ids.",
                result=list_of(take),
                parameters=(
                    Parameter("after", "Go on behind the take of this id."),
                    Parameter("limit", "At most so many.", between(1, 1000)),
                    Parameter("label", "NAME=VALUE that they have; may be repeated.", _LABELS),
                ),
                errors=(422,),
            ),
        ]

    def _of_one(self) -> list[Operation]:
        take = schema_of(TakeView)
        return [
            Operation(
                method="GET",
                path=_TAKE,
                answer=self.read,
                summary="A take as it is now.",
                result=take,
                errors=(404,),
            ),
            Operation(
                method="DELETE",
                path=_TAKE,
                answer=self.delete,
                summary="Delete a take. Forks of it stay.",
                status=204,
                result_type=None,
                errors=(404,),
            ),
        ]

    def _of_branches(self) -> list[Operation]:
        take, first = schema_of(TakeView), schema_of(FirstSegments)
        return [
            Operation(
                method="POST",
                path=f"{_TAKE}/fork",
                answer=self.fork,
                summary="Make a take that begins with the first segments of this one.",
                status=201,
                body=first,
                result=take,
                errors=(400, 404, 409, 413, 415, 422, 429),
            ),
            Operation(
                method="POST",
                path=f"{_TAKE}/rewind",
                answer=self.rewind,
                summary="Let the last segments go.",
                body=first,
                result=take,
                errors=(400, 404, 409, 413, 415, 422),
            ),
            Operation(
                method="POST",
                path=f"{_TAKE}/finish",
                answer=self.finish,
                summary="Take no more requests; what is open is rolled.",
                result=take,
                errors=(404,),
            ),
        ]

    async def create(self, request: Request, tenant: str) -> Response:
        """A new take."""
        asked = await typed_body(request, self._most, CreateTake)
        view = await run_in_threadpool(self._service.create, tenant, labels=asked.labels)
        location = {"Location": f"/v1/sessions/{view.id}"}
        return JSONResponse(lt.unstructure(view), 201, location)

    async def list(self, request: Request, tenant: str) -> Response:
        """Takes, a page of them."""
        limit = number_in(request, "limit", _PAGE, 1, 1000)
        labels = {}
        for text in request.query_params.getlist("label"):
            name, equals, value = text.partition("=")
            if not equals:
                raise lt.ValidationError("label", "must be NAME=VALUE")
            labels[name] = value
        after = request.query_params.get("after", "")
        found = await run_in_threadpool(
            self._service.list, tenant, labels=labels, after=after, limit=limit
        )
        return page(found, has_more=len(found) == limit)

    async def read(self, request: Request, tenant: str) -> Response:
        """One take."""
        view = await run_in_threadpool(self._service.read, tenant, request.path_params["take"])
        return JSONResponse(lt.unstructure(view))

    async def delete(self, request: Request, tenant: str) -> Response:
        """One take less."""
        await run_in_threadpool(self._service.delete, tenant, request.path_params["take"])
        return Response(status_code=204)

    async def fork(self, request: Request, tenant: str) -> Response:
        """A branch."""
        count = (await typed_body(request, self._most, FirstSegments)).num_segments
        take = request.path_params["take"]
        view = await run_in_threadpool(self._service.fork, tenant, take, count)
        location = {"Location": f"/v1/sessions/{view.id}"}
        return JSONResponse(lt.unstructure(view), 201, location)

    async def rewind(self, request: Request, tenant: str) -> Response:
        """Fewer segments."""
        count = (await typed_body(request, self._most, FirstSegments)).num_segments
        take = request.path_params["take"]
        view = await run_in_threadpool(self._service.rewind, tenant, take, count)
        return JSONResponse(lt.unstructure(view))

    async def finish(self, request: Request, tenant: str) -> Response:
        """No more requests."""
        view = await run_in_threadpool(self._service.finish, tenant, request.path_params["take"])
        return JSONResponse(lt.unstructure(view))
