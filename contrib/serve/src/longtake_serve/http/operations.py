"""What a server answers to, described: routes are made from it, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal

from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import longtake as lt
from longtake_serve.http.access import Access, check_origin

__all__ = ["Answer", "ErrorForm", "Operation", "Parameter", "routes_of"]

Answer = Callable[[Request, str], Awaitable[Response]]
"""Is given the tenant who asks, which is the only way to one."""

Schema = Mapping[str, Any]


@frozen
class Parameter:
    """A query parameter or header. ``schema``: its JSON Schema."""

    name: str
    description: str
    schema: Schema = field(factory=lambda: {"type": "string"})
    place: Literal["query", "header"] = "query"


@frozen(kw_only=True)
class ErrorForm:
    """Another form of errors. ``tell``: makes the answer, or raises it. ``schema``: of its JSON."""

    tell: Callable[[lt.LongtakeError], Response]
    schema: Schema


@frozen(kw_only=True)
class Operation:
    """One method of one path.

    - ``answer``: makes the response. ``summary``: one line. ``status``: when all is well.
    - ``body``: the JSON Schema of the body, None without; ``body_type``: its media type; ``form``:
      the schema of the same as ``multipart/form-data``, None where that is not taken.
    - ``result``: the JSON Schema of the answer, None where it is no JSON.
    - ``result_type``: the media type of the answer, None where it has no body; ``other_types``:
      that it may have instead.
    - ``is_open``: needs no token; its ``answer`` is then given an empty tenant.
    - ``errors``: statuses that it may answer besides; ``error_form``: theirs, None for the one;
      ``errors_are_results``: they are in the form of ``result``.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    answer: Answer
    summary: str
    status: int = 200
    body: Schema | None = None
    body_type: str = "application/json"
    form: Schema | None = None
    result: Schema | None = None
    result_type: str | None = "application/json"
    other_types: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    is_open: bool = False
    errors: tuple[int, ...] = ()
    error_form: ErrorForm | None = None
    errors_are_results: bool = False


def routes_of(operations: Iterable[Operation], access: Access) -> list[Route]:
    """A route for each path, which knows who asks before anything is done."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [_route(path, found, access) for path, found in by_path.items()]


def _route(path: str, operations: Mapping[str, Operation], access: Access) -> Route:
    async def endpoint(request: Request) -> Response:
        operation = operations["GET" if request.method == "HEAD" else request.method]
        try:
            return await _answered(operation, request, access)
        except lt.LongtakeError as error:
            if operation.error_form is None:
                raise
            return operation.error_form.tell(error)

    return Route(path, endpoint, methods=[*operations])


async def _answered(operation: Operation, request: Request, access: Access) -> Response:
    if operation.method != "GET":
        check_origin(request)
    tenant = "" if operation.is_open else await access.tenant_of(request)
    return await operation.answer(request, tenant)
