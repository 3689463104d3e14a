"""Which error is which answer: one table, and one form for all of them."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import longtake as lt
from longtake_serve.media.stream import StreamNotFound
from longtake_serve.takes.errors import ServiceClosed, TakeBusy, TakeFinished
from longtake_serve.takes.limits import LimitExceeded

__all__ = [
    "BadBody",
    "BodyTooLarge",
    "BodyTooSlow",
    "Forbidden",
    "NotJson",
    "NothingYet",
    "RangeNotThere",
    "Refusal",
    "Unauthorized",
    "answer_of",
    "error_schema",
    "http_error",
    "internal_error",
    "longtake_error",
    "refusal_of",
]


class BadBody(lt.ValidationError):
    """The body is not what its type says."""


class NotJson(lt.ValidationError):
    """The body has another type than this route takes."""


class BodyTooLarge(LimitExceeded):
    """The body has more bytes than are taken; the rest of it is not read."""


class BodyTooSlow(lt.LongtakeError, TimeoutError):
    """The next piece of the body did not come in time."""


class Unauthorized(lt.LongtakeError, PermissionError):
    """There is no token, or not one that is known."""


class Forbidden(lt.LongtakeError, PermissionError):
    """A page of another site asked, in the browser of somebody who did not."""


class NothingYet(lt.LongtakeError, LookupError):
    """There will be something, but is not yet: players ask again, as they do not after a 404."""


class RangeNotThere(lt.LongtakeError, LookupError):
    """A range that begins behind the end. ``size``: bytes that there are."""

    def __init__(self, size: int) -> None:
        super().__init__(f"there are {size} bytes; ask for a range of those")
        self.size = size


_STATUS: dict[type[Exception], int] = {
    BadBody: 400,
    Unauthorized: 401,
    Forbidden: 403,
    StreamNotFound: 404,
    BodyTooSlow: 408,
    TakeBusy: 409,
    TakeFinished: 409,
    BodyTooLarge: 413,
    NotJson: 415,
    RangeNotThere: 416,
    NothingYet: 503,
    ServiceClosed: 503,
}
"""Of the server's own errors; what is not among them is as `longtake.http_status` says."""

_TOO_MANY = frozenset({"queue", "sessions"})
"""Limits after which the same request may be taken later."""

_OUR_FAULT = {
    500: "something went wrong on the server; its log says what",
    503: "the server cannot do this at the moment; try again",
    507: "the server has no room left; delete what is not needed",
}
"""What is said instead of the error's own text, which may tell of the inside."""


@frozen(kw_only=True)
class Refusal:
    """What a client is told of an error, in whatever form. ``type``: the error's class."""

    status: int
    type: str
    path: str
    message: str
    headers: dict[str, str] = field(factory=dict)


def status_of(error: lt.LongtakeError) -> int:
    """Of the answer for this error."""
    if isinstance(error, LimitExceeded) and error.path in _TOO_MANY:
        return 429
    own = next((_STATUS[each] for each in type(error).__mro__ if each in _STATUS), None)
    return lt.http_status(error) if own is None else own


def answer_of(
    status: int, type_: str, message: str, *, path: str = "", headers: dict[str, str] | None = None
) -> Response:
    """The one form in which errors are told."""
    document = {"error": {"type": type_, "path": path, "message": message}}
    return JSONResponse(document, status, headers)


async def longtake_error(request: Request, error: Exception) -> Response:
    """The answer for an error that somebody raised on purpose."""
    assert isinstance(error, lt.LongtakeError)
    told = refusal_of(error)
    return answer_of(told.status, told.type, told.message, path=told.path, headers=told.headers)


def refusal_of(error: lt.LongtakeError) -> Refusal:
    """What is told of an error. One that nobody raised on purpose is raised again."""
    status = status_of(error)
    if status == 500:
        raise error
    path = error.path if isinstance(error, lt.ValidationError) else ""
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status in (408, 413, 415):
        headers["Connection"] = "close"  # what is left of the body is not waited for
    if status in (429, 503):
        headers["Retry-After"] = "1"
    if isinstance(error, RangeNotThere):
        headers["Content-Range"] = f"bytes */{error.size}"
    message = _OUR_FAULT.get(status, str(error))
    kind = type(error).__name__
    return Refusal(status=status, type=kind, path=path, message=message, headers=headers)


async def http_error(request: Request, error: Exception) -> Response:
    """The answer for a path or method that there is not."""
    assert isinstance(error, HTTPException)
    kinds = {404: "NotFound", 405: "MethodNotAllowed"}
    kind = kinds.get(error.status_code, "HttpError")
    headers = None if error.headers is None else dict(error.headers)
    return answer_of(error.status_code, kind, error.detail, headers=headers)


async def internal_error(request: Request, error: Exception) -> Response:
    """The answer for whatever nobody expected; the server's log has the error itself."""
    # uvicorn ends the connection: a client that knows does not send its next request on it
    headers = {"Connection": "close"}
    return answer_of(500, "InternalError", _OUR_FAULT[500], headers=headers)


def error_schema() -> dict[str, Any]:
    """The JSON Schema of the one form."""
    text = {"type": "string"}
    fields = {"type": text, "path": text, "message": text}
    inner = {"type": "object", "properties": fields, "required": [*fields]}
    return {"type": "object", "properties": {"error": inner}, "required": ["error"]}
