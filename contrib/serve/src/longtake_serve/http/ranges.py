"""Sending bytes, whole or a range of them, a piece in memory at a time (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from longtake_serve.http.errors import RangeNotThere

__all__ = ["ranged"]

_AT_ONCE = 2**16
"""Bytes that are handed to the connection, which is as much as it keeps for a slow client."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def ranged(
    request: Request,
    read: Callable[[int, int], Iterator[bytes | memoryview]],
    size: int,
    *,
    media_type: str,
    tag: str,
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer of ``size`` bytes that ``read(start, stop)`` gives; the part that was asked for.

    ``tag``: other bytes have another one. Several ranges at once get all of it, as is allowed.
    Raises `RangeNotThere`.
    """
    etag = f'"{tag}"'
    common = {"Accept-Ranges": "bytes", "ETag": etag, **(headers or {})}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=common)
    found = _asked(request, size, etag)
    start, stop = found or (0, size)
    common["Content-Length"] = str(stop - start)
    if found is not None:
        common["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    status = 200 if found is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=common, media_type=media_type)
    return StreamingResponse(
        _pieces(read, start, stop), status, headers=common, media_type=media_type
    )


async def _pieces(
    read: Callable[[int, int], Iterator[bytes | memoryview]], start: int, stop: int
) -> AsyncIterator[bytes | memoryview]:
    async for piece in iterate_in_threadpool(read(start, stop)):
        view = memoryview(piece)
        for begin in range(0, len(view), _AT_ONCE):  # what is sent is copied until it is taken
            yield view[begin : begin + _AT_ONCE]


def _asked(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """Where the range begins and ends (not included); None for all of it."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = match[1], match[2]
    if not first and not last:
        return None
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= size:
        raise RangeNotThere(size)
    return start, stop
