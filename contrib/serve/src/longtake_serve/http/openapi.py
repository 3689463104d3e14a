"""The OpenAPI 3.1 document, made from the operations that the routes are made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from longtake_serve import __version__
from longtake_serve.http.errors import error_schema
from longtake_serve.http.operations import Operation

__all__ = ["OpenApiRoute", "openapi_of"]

_ERROR = {"$ref": "#/components/schemas/Error"}


class OpenApiRoute:
    """The operation. ``operations``: the others; ``needs_token``: whether they want one."""

    def __init__(self, operations: Sequence[Operation], *, needs_token: bool) -> None:
        self._document = openapi_of([*operations, *self.operations()], needs_token=needs_token)

    def operations(self) -> list[Operation]:
        """What this adds to a server."""
        return [
            Operation(
                method="GET",
                path="/openapi.json",
                answer=self.document,
                summary="This document.",
                result={"type": "object"},
                is_open=True,
            )
        ]

    async def document(self, request: Request, tenant: str) -> Response:
        """It."""
        return JSONResponse(self._document)


def openapi_of(operations: Sequence[Operation], *, needs_token: bool) -> dict[str, Any]:
    """The document of these operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _described(operation, needs_token and not operation.is_open)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    components: dict[str, Any] = {"schemas": {"Error": error_schema()}}
    if needs_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Longtake", "version": __version__},
        "paths": paths,
        "components": components,
    }


def _described(operation: Operation, needs_token: bool) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", operation.path)
    place = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    said = [
        {
            "name": each.name,
            "in": each.place,
            "description": each.description,
            "schema": dict(each.schema),
        }
        for each in operation.parameters
    ]
    described: dict[str, Any] = {
        "operationId": operation.answer.__name__.strip("_")
        + "_"
        + re.sub(r"\W+", "_", operation.path).strip("_"),
        "summary": operation.summary,
        "parameters": [*place, *said],
        "responses": _responses(operation, needs_token),
    }
    if operation.body is not None:
        content = {operation.body_type: {"schema": dict(operation.body)}}
        if operation.form is not None:
            content["multipart/form-data"] = {"schema": dict(operation.form)}
        described["requestBody"] = {"required": True, "content": content}
    if needs_token:
        described["security"] = [{"token": []}]
    return described


def _responses(operation: Operation, needs_token: bool) -> dict[str, Any]:
    good: dict[str, Any] = {"description": operation.summary}
    if operation.result_type is not None:
        schema = {} if operation.result is None else {"schema": dict(operation.result)}
        types = (operation.result_type, *operation.other_types)
        good["content"] = dict.fromkeys(types, schema)
    errors = {*operation.errors, *((401,) if needs_token else ())}
    if operation.method != "GET":
        errors.add(403)
    form = _ERROR if operation.error_form is None else dict(operation.error_form.schema)
    wrong = {"content": {"application/json": {"schema": form}}}
    other = wrong
    if operation.error_form is not None:  # what no operation answered has the one form
        any_form = {"anyOf": [form, _ERROR]}
        other = {"content": {"application/json": {"schema": any_form}}}
    said = {"content": good["content"]} if operation.errors_are_results else wrong
    return {
        str(operation.status): good,
        **{str(each): {"description": _words(each), **said} for each in sorted(errors)},
        "default": {"description": "Another error, in the same form.", **other},
    }


def _words(status: int) -> str:
    return HTTPStatus(status).phrase
