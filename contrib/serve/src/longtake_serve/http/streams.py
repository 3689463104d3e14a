"""A take as players want it: HLS while it grows, one MP4 file, and pictures of it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from functools import lru_cache

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

import longtake as lt
from longtake_serve.http.documents import number_in
from longtake_serve.http.errors import NothingYet
from longtake_serve.http.operations import Answer, Operation, Parameter
from longtake_serve.http.ranges import ranged, sent
from longtake_serve.media.pictures import sheet, thumbnail, waveform_image
from longtake_serve.media.pieces import piece_of
from longtake_serve.media.stream import StreamNotFound, TakeStream, TakeStreams
from longtake_serve.media.whole import WholeTake
from longtake_serve.takes.service import TakeService
from longtake_serve.takes.views import TakeEvent

__all__ = ["StreamRoutes"]

_TAKE = "/v1/sessions/{take}"
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_ASK_AGAIN = {"Cache-Control": "private, no-cache"}
_HELD = 8.0
"""Seconds that the list is held until it has the segment that is asked for; players give up on one
that is held for 10, and do not ask like that again."""
_AT_ONCE = 2
"""Pictures that are drawn at the same time; each decodes video."""
_LARGEST = 4096
_GONE = 499
"""For nobody: the client left while it waited for its turn."""
_REMEMBERED = 64
"""Takes whose lists are not read again until they change."""


class StreamRoutes:
    """The operations. ``sessions``, ``blobs``: the service's own."""

    def __init__(
        self, service: TakeService, sessions: lt.SessionStore, blobs: lt.BlobStore
    ) -> None:
        self._service = service
        self._blobs = blobs
        streams = TakeStreams(sessions, blobs)

        def read(take: str, revision: int, finished: bool) -> TakeStream:
            return streams.read(take, finished=finished)

        self._read = lru_cache(_REMEMBERED)(
            read
        )  # players ask all the time, mostly for nothing new
        self._listed = lru_cache(_REMEMBERED)(_listed)
        self._drawing = asyncio.Semaphore(_AT_ONCE)

    def operations(self) -> list[Operation]:
        """What this adds to a server."""
        mp4, width = "video/mp4", {"type": "integer", "minimum": 16, "maximum": _LARGEST}
        number = {"type": "integer", "minimum": 0}
        return [
            _of(
                "stream.m3u8",
                self.playlist,
                "The HLS list.",
                "application/vnd.apple.mpegurl",
                (404, 422, 503),
                (Parameter("_HLS_msn", "Wait some seconds for this segment.", number),),
            ),
            _of("init-{name}.mp4", self.initialization, "What the fragments begin with.", mp4),
            _of("{name}.m4s", self.fragment, "A fragment that the HLS list names.", mp4),
            _of("take.mp4", self.whole, "The whole take, also in ranges.", mp4, (404, 416, 422)),
            _of("segments/{index}/media", self.media, "One segment as MP4.", mp4, (404, 416)),
            _of(
                "thumbnail.jpg",
                self.thumbnail,
                "A frame of the take.",
                "image/jpeg",
                parameters=(Parameter("width", "At most so many pixels.", width),),
            ),
            _of(
                "sheet.png",
                self.sheet,
                "The contact sheet of at most 12 segments.",
                "image/png",
                parameters=(Parameter("start", "Begin with this segment.", number),),
            ),
            _of(
                "waveform.png",
                self.waveform,
                "The sound as an image.",
                "image/png",
                parameters=(Parameter("width", "So many pixels.", width),),
            ),
        ]

    async def playlist(self, request: Request, tenant: str) -> Response:
        """The list of what every server on the store can send.

        It is held until there is something, and where a player asks for it (RFC 8216bis,
        6.2.5.2) until there is more: so the player has the next segment at once.
        """
        take = request.path_params["take"]
        number = number_in(request, "_HLS_msn", 0, 0, 2**31)
        stream = await self._awaited(tenant, take, number)
        if not stream.entries and not stream.finished:
            raise NothingYet(f"take {take!r} has no segment yet; ask again")
        data, tag = self._listed(stream)
        return sent(
            request,
            data,
            media_type="application/vnd.apple.mpegurl",
            tag=tag,
            headers=_ASK_AGAIN,
        )

    async def initialization(self, request: Request, tenant: str) -> Response:
        """What comes before fragments. A name never means other bytes."""
        name = f"init-{request.path_params['name']}.mp4"
        stream = await self._stream(tenant, request.path_params["take"])
        return _sent(request, stream.initialization(name), name)

    async def fragment(self, request: Request, tenant: str) -> Response:
        """One fragment. A name never means other bytes."""
        stream = await self._stream(tenant, request.path_params["take"])
        name = f"{request.path_params['name']}.m4s"
        return _sent(request, await run_in_threadpool(stream.fragment, name), name)

    async def whole(self, request: Request, tenant: str) -> Response:
        """The take as it is now, for downloading."""
        take = request.path_params["take"]
        stream = await self._stream(tenant, take)
        if not stream.entries:
            raise StreamNotFound(f"take {take!r} has no segment yet")
        file = WholeTake(stream)
        return ranged(
            request,
            file.read,
            file.size,
            media_type="video/mp4",
            tag=_tag(stream),
            headers={**_ASK_AGAIN, "Content-Disposition": f'attachment; filename="{take}.mp4"'},
        )

    async def media(self, request: Request, tenant: str) -> Response:
        """One segment by itself."""
        take, index = request.path_params["take"], request.path_params["index"]
        if not index.isascii() or not index.isdecimal() or len(index) > 9:
            raise lt.SessionNotFound(f"take {take!r} has no segment {index[:50]!r}")

        def read() -> bytes:
            number = int(index)
            found = self._service.segments(tenant, take, start=number, limit=1)
            if not found:
                raise lt.SessionNotFound(f"take {take!r} has no segment {number}")
            piece = piece_of(found[0].media, self._blobs)
            return piece.initialization + bytes(self._blobs.get(piece.blob_id))

        data = await run_in_threadpool(read)
        return _sent(request, data, hashlib.sha256(data).hexdigest()[:32])

    async def thumbnail(self, request: Request, tenant: str) -> Response:
        """A frame."""
        width = number_in(request, "width", 320, 16, _LARGEST)
        return await self._drawn(
            request, tenant, "image/jpeg", lambda stream: thumbnail(stream, width=width)
        )

    async def sheet(self, request: Request, tenant: str) -> Response:
        """Segments at a glance."""
        first = number_in(request, "start", 0, 0, 2**31)

        def draw(stream: TakeStream) -> bytes:
            return sheet(stream, [str(n) for n in range(len(stream.entries))], first=first)

        return await self._drawn(request, tenant, "image/png", draw)

    async def waveform(self, request: Request, tenant: str) -> Response:
        """Sound."""
        width = number_in(request, "width", 1200, 16, _LARGEST)
        return await self._drawn(
            request, tenant, "image/png", lambda stream: waveform_image(stream, width=width)
        )

    async def _drawn(
        self, request: Request, tenant: str, kind: str, draw: Callable[[TakeStream], bytes]
    ) -> Response:
        stream = await self._stream(tenant, request.path_params["take"])
        asked = hashlib.sha256(request.url.query.encode()).hexdigest()[:8]
        tag = f"{_tag(stream)}-{asked}"
        if f'"{tag}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": f'"{tag}"', **_ASK_AGAIN})
        async with self._drawing:
            if await request.is_disconnected():
                return Response(status_code=_GONE)
            data = await run_in_threadpool(draw, stream)
        return Response(data, media_type=kind, headers={"ETag": f'"{tag}"', **_ASK_AGAIN})

    async def _stream(self, tenant: str, take: str) -> TakeStream:
        def read() -> TakeStream:
            view = self._service.read(tenant, take)  # raises for another tenant's
            return self._read(take, view.revision, view.status == "finished")

        return await run_in_threadpool(read)

    async def _awaited(self, tenant: str, take: str, number: int) -> TakeStream:
        """The stream once it has this segment or is over, else as it is after some seconds."""

        def is_enough(stream: TakeStream) -> bool:
            return len(stream.entries) > number or stream.finished

        stream = await self._stream(tenant, take)
        if is_enough(stream):
            return stream
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell(event: TakeEvent) -> None:
            if event.type != "progress":
                loop.call_soon_threadsafe(changed.set)

        stop = await run_in_threadpool(self._service.listen, tenant, take, tell)
        try:
            end = time.monotonic() + _HELD
            while True:
                changed.clear()
                stream = await self._stream(tenant, take)
                if is_enough(stream) or time.monotonic() >= end:
                    return stream
                try:
                    await asyncio.wait_for(changed.wait(), max(0.0, end - time.monotonic()))
                except TimeoutError:
                    continue
        finally:
            stop()


def _of(
    name: str,
    answer: Answer,
    summary: str,
    kind: str,
    errors: tuple[int, ...] = (404, 422),
    parameters: tuple[Parameter, ...] = (),
) -> Operation:
    return Operation(
        method="GET",
        path=f"{_TAKE}/{name}",
        answer=answer,
        summary=summary,
        result_type=kind,
        errors=errors,
        parameters=parameters,
    )


def _listed(stream: TakeStream) -> tuple[bytes, str]:
    """The list, and its tag."""
    data = stream.playlist().encode()
    return data, hashlib.sha256(data).hexdigest()[:32]


def _sent(request: Request, data: bytes, tag: str) -> Response:
    """MP4 that never changes. ``tag``: of these bytes and no others."""
    return sent(request, data, media_type="video/mp4", tag=tag, headers=_FOR_EVER)


def _tag(stream: TakeStream) -> str:
    names = "\n".join(entry.name for entry in stream.entries)
    return hashlib.sha256(f"{stream.finished}\n{names}".encode()).hexdigest()[:32]
