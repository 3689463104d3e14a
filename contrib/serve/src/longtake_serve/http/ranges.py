"""Sending bytes, whole or a range of them, a piece in memory at a time (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator

from attrs import frozen
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from longtake_serve.http.errors import RangeNotThere

__all__ = ["ranged", "sent"]

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
    head = _Head.of(request, size, tag, media_type, headers or {})
    if head.is_bare:
        return Response(status_code=head.status, headers=head.headers)
    pieces = _pieces(read, head.start, head.stop)
    return StreamingResponse(pieces, head.status, headers=head.headers)


def sent(
    request: Request,
    data: bytes,
    *,
    media_type: str,
    tag: str,
    headers: dict[str, str] | None = None,
) -> Response:
    """As `ranged`, of bytes that are in memory: no thread has to read them."""
    head = _Head.of(request, len(data), tag, media_type, headers or {})
    body = b"" if head.is_bare else data[head.start : head.stop]
    return Response(body, head.status, headers=head.headers)


@frozen
class _Head:
    """What comes before the bytes from ``start`` to ``stop``. ``is_bare``: they are not sent."""

    status: int
    headers: dict[str, str]
    start: int = 0
    stop: int = 0
    is_bare: bool = False

    @classmethod
    def of(
        cls, request: Request, size: int, tag: str, media_type: str, headers: dict[str, str]
    ) -> _Head:
        etag = f'"{tag}"'
        common = {"Accept-Ranges": "bytes", "ETag": etag, **headers}
        if etag in request.headers.get("if-none-match", ""):
            return cls(304, common, is_bare=True)
        found = _asked(request, size, etag)
        start, stop = found or (0, size)
        common |= {"Content-Type": media_type, "Content-Length": str(stop - start)}
        if found is not None:
            common["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        status = 200 if found is None else 206
        return cls(status, common, start, stop, is_bare=request.method == "HEAD")


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
