"""What happens to a take, told while it happens: server-sent events that outlive the server."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from attrs import evolve
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

import longtake as lt
from longtake_serve.http.operations import Operation, Parameter
from longtake_serve.takes.service import TakeService
from longtake_serve.takes.views import TakeEvent

__all__ = ["EventRoutes", "Feed"]

_log = logging.getLogger(__name__)

_WAITING = 256
"""Events that wait for one reader; one who has more of them is cut, and may come back."""
_SEND_SECONDS = 20.0
"""After so long without taking anything a reader is cut."""
_RETRY_MS = 1000
_PROGRESS_SECONDS = 0.25
"""From one progress that a reader is sent to the next; each costs as much as a small answer."""
_PAGE = 100


class Feed:
    """Events on their way from any thread to one reader in the event loop, at most ``most``.

    Progress that is not read yet is replaced by newer progress. The reader gets the newest once in
    ``progress_seconds``, or before the event behind it, with the newest preview that it has not
    got. Once there are too many it gets no more.
    """

    def __init__(
        self, most: int = _WAITING, *, progress_seconds: float = _PROGRESS_SECONDS
    ) -> None:
        self._most = most
        self._progress_seconds = progress_seconds
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._events: deque[TakeEvent] = deque()
        self._there = asyncio.Event()
        self._is_cut = False
        self._next_progress = 0.0

    def put(self, event: TakeEvent) -> None:
        """From any thread; does not wait."""
        with self._lock:
            last = self._events[-1] if self._events else None
            if last is not None and last.type == event.type == "progress":
                self._events[-1] = _in_place_of(last, event)
                return  # the reader knows that there is one
            if len(self._events) < self._most and not self._is_cut:
                self._events.append(event)
            else:
                self._is_cut = True
        with suppress(RuntimeError):  # the loop is closed: nobody reads any more
            self._loop.call_soon_threadsafe(self._there.set)

    async def get(self) -> TakeEvent | None:
        """The next event, waited for; None when the reader was too slow."""
        while True:
            self._there.clear()
            now = self._loop.time()
            with self._lock:
                if self._is_cut:
                    return None
                is_early = self._is_progress_alone() and now < self._next_progress
                if self._events and not is_early:
                    if self._events[0].type == "progress":
                        self._next_progress = now + self._progress_seconds
                    return self._events.popleft()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._next_progress - now if is_early else None):
                    await self._there.wait()

    def _is_progress_alone(self) -> bool:
        return len(self._events) == 1 and self._events[0].type == "progress"


def _in_place_of(older: TakeEvent, newer: TakeEvent) -> TakeEvent:
    """The newer progress, with the preview of the older one where it has none of its own."""
    if "preview" not in older.data or "preview" in newer.data:
        return newer
    if older.data["work"] != newer.data["work"]:
        return newer
    return evolve(newer, data={**newer.data, "preview": older.data["preview"]})


class EventRoutes:
    """The operation."""

    def __init__(self, service: TakeService) -> None:
        self._service = service

    def operations(self) -> list[Operation]:
        """What this adds to a server."""
        after = {"type": "integer", "minimum": 0}
        return [
            Operation(
                method="GET",
                path="/v1/sessions/{take}/events",
                answer=self.events,
                summary="What happens, as server-sent events, without end.",
                result_type="text/event-stream",
                parameters=(
                    Parameter("Last-Event-ID", "Go on behind this event.", after, "header"),
                    Parameter("after", "The same, for those who can set no header.", after),
                ),
                errors=(404, 422),
            )
        ]

    async def events(self, request: Request, tenant: str) -> Response:
        """Those that are kept, behind the last one that the client has, and then the new ones."""
        take = request.path_params["take"]
        text = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
        if not text.isascii() or not text.isdecimal() or len(text) > 10:
            raise lt.ValidationError("after", f"is {text[:50]!r}; must be the id of an event")
        await run_in_threadpool(self._service.events, tenant, take, limit=1)  # raises for no take
        if request.method == "HEAD":  # which would never end
            return Response(media_type="text/event-stream")
        return _Stream(self._told(tenant, take, int(text)), send_timeout=_SEND_SECONDS, ping=15)

    async def _told(self, tenant: str, take: str, last: int) -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(comment="a take", retry=_RETRY_MS)
        feed = Feed()
        try:
            stop = await run_in_threadpool(self._service.listen, tenant, take, feed.put)
        except lt.LongtakeError:
            return
        try:
            async for event in self._all(tenant, take, last, feed):
                yield _message(event)
        except lt.LongtakeError as error:  # the client comes back, and hears what it is
            _log.info("events of take %s end: %s", take, error)
        finally:
            stop()

    async def _all(self, tenant: str, take: str, last: int, feed: Feed) -> AsyncIterator[TakeEvent]:
        """Kept events and new ones, each once and in order; ``last`` is the client's last id."""
        missing = True  # what happened before
        while True:
            while missing:
                page = await run_in_threadpool(
                    self._service.events, tenant, take, after=last, limit=_PAGE
                )
                for kept in page:
                    last = kept.id
                    yield kept
                missing = len(page) == _PAGE
            event = await feed.get()
            if event is None:
                return
            if event.id > last + 1 or (event.type == "progress" and event.id > last):
                missing = True  # of an outage: what is kept has them all, and this one
            elif event.type == "progress" or event.id > last:
                last = event.id
                yield event
            if event.type == "deleted":
                return


class _Stream(EventSourceResponse):
    """One whose slow readers are cut without a traceback in the log."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            _log.info("a reader of events took nothing for %g s and is cut", _SEND_SECONDS)


def _message(event: TakeEvent) -> ServerSentEvent:
    """Progress has no id: it is not kept, so there is no coming back to it."""
    data = json.dumps(event.data, separators=(",", ":"))
    name = None if event.type == "progress" else str(event.id)
    return ServerSentEvent(data=data, event=event.type, id=name)
