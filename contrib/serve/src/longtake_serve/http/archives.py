"""Takes as files: written for a client, and read from one, never more than a piece in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

import longtake as lt
from longtake_serve.http.bodies import pieces_of
from longtake_serve.http.documents import schema_of
from longtake_serve.http.errors import NotJson
from longtake_serve.http.operations import Operation
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.service import TakeService
from longtake_serve.takes.views import TakeView

__all__ = ["ArchiveRoutes"]

_TYPE = "application/zip"
_PIECE = 2**18
_AT_ONCE = 4
"""Files that are written or read into the stores; slow clients hold up nobody."""


class ArchiveRoutes:
    """The operations. ``folder``: where the files lie meanwhile."""

    def __init__(self, service: TakeService, limits: ServeLimits, folder: Path | None) -> None:
        self._service = service
        self._limits = limits
        self._folder = folder
        self._busy = asyncio.Semaphore(_AT_ONCE)

    def operations(self) -> list[Operation]:
        """What this adds to a server."""
        return [
            Operation(
                method="GET",
                path="/v1/sessions/{take}/export",
                answer=self.export,
                summary="The whole take as a file.",
                result_type=_TYPE,
                errors=(404, 409),
            ),
            Operation(
                method="POST",
                path="/v1/sessions/import",
                answer=self.import_,
                summary="Make a take from a file that was exported, here or elsewhere.",
                status=201,
                body={"type": "string", "format": "binary"},
                body_type=_TYPE,
                result=schema_of(TakeView),
                errors=(400, 408, 413, 415, 422, 429),
            ),
        ]

    async def export(self, request: Request, tenant: str) -> Response:
        """A file, which is whole before the first byte of it is sent."""
        take = request.path_params["take"]
        await run_in_threadpool(self._service.read, tenant, take)  # before there is any folder
        headers = {"Content-Disposition": f'attachment; filename="{take}.zip"'}
        if request.method == "HEAD":
            return Response(headers=headers, media_type=_TYPE)
        pieces = self._exported(request, tenant, take)
        first = await anext(pieces, b"")  # raises while an error can still be told
        return StreamingResponse(_rest(first, pieces), headers=headers, media_type=_TYPE)

    async def import_(self, request: Request, tenant: str) -> Response:
        """A new take."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _TYPE:
            raise NotJson("file", f"must be an exported take; send it as {_TYPE}")
        with TemporaryDirectory(dir=self._folder) as folder:
            path = Path(folder) / "take.zip"
            with path.open("xb") as file:
                async for piece in pieces_of(request, self._limits.upload_bytes, "file"):
                    await run_in_threadpool(file.write, piece)
            async with self._busy:
                view = await run_in_threadpool(self._service.import_, tenant, path)
        location = {"Location": f"/v1/sessions/{view.id}"}
        return JSONResponse(lt.unstructure(view), 201, location)

    async def _exported(self, request: Request, tenant: str, take: str) -> AsyncIterator[bytes]:
        """The file in pieces; nothing when the client left while it waited for its turn."""
        with ExitStack() as stack:
            with TemporaryDirectory(dir=self._folder) as folder:
                path = Path(folder) / "take.zip"
                async with self._busy:
                    if await request.is_disconnected():
                        return
                    await run_in_threadpool(self._service.export, tenant, take, path)
                file = stack.enter_context(path.open("rb"))
            while piece := await run_in_threadpool(file.read, _PIECE):  # it has no name any more
                yield piece


async def _rest(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece
