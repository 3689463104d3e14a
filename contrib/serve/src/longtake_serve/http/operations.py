"""What a server answers to, described: routes are made from it, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal

from attrs import field, frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from longtake_serve.http.access import Authenticator, check_origin, tenant_of

__all__ = ["Answer", "Operation", "Parameter", "routes_of"]

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
class Operation:
    """One method of one path.

    - ``answer``: makes the response. ``summary``: one line. ``status``: when all is well.
    - ``body``: the JSON Schema of the body, None without; ``body_type``: its media type.
    - ``result``: the JSON Schema of the answer, None where it is no JSON.
    - ``result_type``: the media type of the answer, None where it has no body.
    - ``is_open``: needs no token; its ``answer`` is then given an empty tenant.
    - ``errors``: statuses that it may answer besides; ``errors_are_results``: in the form of
      ``result`` then.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    answer: Answer
    summary: str
    status: int = 200
    body: Schema | None = None
    body_type: str = "application/json"
    result: Schema | None = None
    result_type: str | None = "application/json"
    parameters: tuple[Parameter, ...] = ()
    is_open: bool = False
    errors: tuple[int, ...] = ()
    errors_are_results: bool = False


def routes_of(operations: Iterable[Operation], authenticator: Authenticator) -> list[Route]:
    """A route for each path, which knows who asks before anything is done."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [_route(path, found, authenticator) for path, found in by_path.items()]


def _route(path: str, operations: Mapping[str, Operation], authenticator: Authenticator) -> Route:
    async def endpoint(request: Request) -> Response:
        operation = operations["GET" if request.method == "HEAD" else request.method]
        if operation.method != "GET":
            check_origin(request)
        tenant = "" if operation.is_open else tenant_of(request, authenticator)
        return await operation.answer(request, tenant)

    return Route(path, endpoint, methods=[*operations])
