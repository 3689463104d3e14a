"""One segment at a glance, for those who draw a strip of them: a frame, and how loud it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import longtake as lt
from longtake_serve.http.documents import between, number_in
from longtake_serve.http.operations import Operation, Parameter
from longtake_serve.media.pictures import peaks, still
from longtake_serve.media.pieces import piece_of
from longtake_serve.media.stream import StreamEntry, TakeStream
from longtake_serve.takes.service import TakeService

__all__ = ["GlanceRoutes"]

_SEGMENT = "/v1/sessions/{take}/segments/{index}"
_AT_ONCE = 2
"""Segments that are decoded at the same time."""
_WIDEST = 1024
_MOST_PEAKS = 1000
_ASK_AGAIN = "private, no-cache"
"""Another segment may have the index after the take was rewound."""


class GlanceRoutes:
    """The operations. ``blobs``: the service's own."""

    def __init__(self, service: TakeService, blobs: lt.BlobStore) -> None:
        self._service = service
        self._blobs = blobs
        self._decoding = asyncio.Semaphore(_AT_ONCE)

    def operations(self) -> list[Operation]:
        """What this adds to a server."""
        levels = {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}}
        return [
            Operation(
                method="GET",
                path=f"{_SEGMENT}/thumbnail.jpg",
                answer=self.thumbnail,
                summary="The frame in the middle of a segment.",
                result_type="image/jpeg",
                parameters=(Parameter("width", "At most so many pixels.", between(16, _WIDEST)),),
                errors=(404, 422),
            ),
            Operation(
                method="GET",
                path=f"{_SEGMENT}/peaks",
                answer=self.peaks,
                summary="How loud a segment is, from its begin to its end.",
                result={"type": "object", "properties": {"peaks": levels}, "required": ["peaks"]},
                parameters=(Parameter("count", "Of so many parts.", between(1, _MOST_PEAKS)),),
                errors=(404, 422),
            ),
        ]

    async def thumbnail(self, request: Request, tenant: str) -> Response:
        """A frame."""
        width = number_in(request, "width", 320, 16, _WIDEST)

        def draw(stream: TakeStream) -> Response:
            return Response(still(stream, width=width), media_type="image/jpeg")

        return await self._of_segment(request, tenant, draw)

    async def peaks(self, request: Request, tenant: str) -> Response:
        """Sound, as numbers."""
        count = number_in(request, "count", 64, 1, _MOST_PEAKS)

        def measure(stream: TakeStream) -> Response:
            return JSONResponse({"peaks": peaks(stream, count=count)})

        return await self._of_segment(request, tenant, measure)

    async def _of_segment(
        self, request: Request, tenant: str, make: Callable[[TakeStream], Response]
    ) -> Response:
        """What ``make`` makes of the stream of the segment alone, unless the client has it."""
        take, index = request.path_params["take"], request.path_params["index"]
        stream = await run_in_threadpool(self._segment, tenant, take, index)
        asked = f"{stream.entries[0].name}?{request.url.query}"
        tag = f'"{hashlib.sha256(asked.encode()).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": _ASK_AGAIN}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        async with self._decoding:
            response = await run_in_threadpool(make, stream)
        response.headers.update(headers)
        return response

    def _segment(self, tenant: str, take: str, index: str) -> TakeStream:
        is_number = index.isascii() and index.isdecimal() and len(index) <= 9
        found = []
        if is_number:
            found = self._service.segments(tenant, take, start=int(index), limit=1)
        if not found:
            raise lt.SessionNotFound(f"take {take!r} has no segment {index[:50]!r}")
        piece = piece_of(found[0].media, self._blobs)
        entry = StreamEntry(
            name=f"{index}-{piece.digest}.m4s",
            pieces=(piece,),
            seconds=piece.seconds,
            initialization=piece.initialization,
        )
        return TakeStream(entries=(entry,), finished=False, blobs=self._blobs)
