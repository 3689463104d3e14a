"""Errors as OpenAI's API tells them."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import JSONResponse, Response

import longtake as lt
from longtake_serve.http.errors import refusal_of
from longtake_serve.http.operations import ErrorForm

__all__ = ["OPENAI_ERRORS", "code_of"]


def code_of(name: str) -> str:
    """The code of an error's class: ``limit_exceeded`` of ``LimitExceeded``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _told(error: lt.LongtakeError) -> Response:
    """The answer; what nobody expected is raised again."""
    refusal = refusal_of(error)
    status = 400 if refusal.status == 422 else refusal.status
    document = {
        "message": refusal.message,
        "type": "invalid_request_error" if status < 500 else "server_error",
        "param": refusal.path or None,
        "code": code_of(refusal.type),
    }
    return JSONResponse({"error": document}, status, refusal.headers)


def _schema() -> dict[str, Any]:
    text, maybe = {"type": "string"}, {"type": ["string", "null"]}
    fields = {"message": text, "type": text, "param": maybe, "code": maybe}
    inner = {"type": "object", "properties": fields, "required": [*fields]}
    return {"type": "object", "properties": {"error": inner}, "required": ["error"]}


OPENAI_ERRORS = ErrorForm(tell=_told, schema=_schema())
"""What is wrong with a request is status 400 there, not 422."""
