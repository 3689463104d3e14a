"""What a server answers to, described: routes are made from it, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import longtake as lt
from longtake_serve.http.access import Authenticator, check_origin, tenant_of

__all__ = ["Answer", "ErrorForm", "Operation", "Parameter", "route_of"]

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
    - ``errors``: statuses that it may answer besides; ``error_form``: theirs, None for the one.
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


def route_of(operation: Operation, authenticator: Authenticator) -> Route:
    """The route, which knows who asks before anything is done."""

    async def answered(request: Request) -> Response:
        if operation.method != "GET":
            check_origin(request)
        tenant = "" if operation.is_open else tenant_of(request, authenticator)
        return await operation.answer(request, tenant)

    async def endpoint(request: Request) -> Response:
        try:
            return await answered(request)
        except lt.LongtakeError as error:
            if operation.error_form is None:
                raise
            return operation.error_form.tell(error)

    return Route(operation.path, endpoint, methods=[operation.method])
