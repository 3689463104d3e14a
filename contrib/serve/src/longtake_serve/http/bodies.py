"""Reading what a client sends: bounded, in time, and checked for what it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

import longtake as lt
from longtake_serve.http.errors import BadBody, BodyTooLarge, BodyTooSlow, NotJson

__all__ = ["json_body", "pieces_of", "typed_body"]

T = TypeVar("T")

_PATIENCE = 30.0
"""Seconds that the next piece of a body may take, and all of it besides its length."""
_SLOWEST = 1024
"""Bytes a second that a body has on average."""
_SMALL = 16 * 2**10
"""Bytes of a body that is read sooner than a thread begins with it."""


async def pieces_of(request: Request, most: int, path: str) -> AsyncIterator[bytes]:
    """The body piece by piece.

    Raises `BodyTooLarge` before more than ``most`` bytes were given out, at once where the length
    is said, and `BodyTooSlow`. ``path``: of what it is, for errors.
    """
    problem = f"has more than {most} bytes; send less"
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and (len(length) > 18 or int(length) > most):
        raise BodyTooLarge(path, problem)
    count = 0
    stream = request.stream()
    clock = asyncio.get_running_loop().time
    begin = clock()
    while True:
        try:
            slowest = begin + _PATIENCE + count / _SLOWEST
            async with asyncio.timeout_at(min(slowest, clock() + _PATIENCE)):
                piece = await anext(stream, None)
        except TimeoutError:
            raise BodyTooSlow(f"the {path} comes too slowly; send it again") from None
        except ClientDisconnect:
            raise BadBody(path, "is not whole: the connection was cut") from None
        if piece is None:
            return
        count += len(piece)
        if count > most:
            raise BodyTooLarge(path, problem)
        yield piece


async def json_body(request: Request, most: int) -> dict[str, Any]:
    """The JSON object that is the body, at most ``most`` bytes.

    Its type must be JSON: a page of another site cannot send that without being asked first.
    Raises `NotJson`, `BadBody`, and as `pieces_of`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise NotJson("body", "must be JSON; send it as application/json")
    data = b"".join([piece async for piece in pieces_of(request, most, "body")])
    return _parsed(data) if len(data) <= _SMALL else await run_in_threadpool(_parsed, data)


async def typed_body(request: Request, most: int, cls: type[T]) -> T:
    """The body as an attrs value. Raises as `json_body`, and `longtake.ValidationError`."""
    return lt.structure(await json_body(request, most), cls)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data, parse_constant=_refuse)
    except RecursionError:
        raise BadBody("body", "has too many objects and lists within each other") from None
    except ValueError as error:
        raise BadBody("body", f"is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadBody("body", "must be a JSON object")
    return document


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
