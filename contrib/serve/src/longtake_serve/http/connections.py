"""Connections that a client cannot keep for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

__all__ = ["BoundedConnection"]

_LOOK_SECONDS = 30.0
"""Between two looks at a connection; one that is the same at both is cut."""
_SLOWEST = 1024
"""Bytes a second that a client takes at least of what waits for it."""
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


class BoundedConnection(H11Protocol):
    """Uvicorn's HTTP, which by itself waits for a client without end.

    A connection is cut after one to two times 30 seconds in which its client was asked nothing new:
    it sent no request, not the whole head of one, or goes on with the body of one that was
    answered. So is one that takes less than 1 KiB a second while an answer waits for it. What
    comes slowly of a body that is wanted is its reader's to judge.

    ``most``: so many are open at once; who comes then is answered 503.
    """

    def __init__(self, *args: Any, most: int, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._most = most

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As `asyncio.Protocol.connection_made`."""
        super().connection_made(transport)
        self._answered_before: RequestResponseCycle | None = None
        self._was_idle = False
        self._waiting_before = 0
        self._look_again = self.loop.call_later(_LOOK_SECONDS, self._look)
        if len(self.connections) > self._most:
            transport.write(_TOO_MANY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """As `asyncio.Protocol.connection_lost`."""
        self._look_again.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """As `asyncio.Protocol.resume_writing`: the client took most of it."""
        self._waiting_before = 0
        super().resume_writing()

    def _look(self) -> None:
        if self._is_idle() or self._takes_nothing():
            self.transport.abort()  # closing would wait until the client takes the rest
        else:
            self._look_again = self.loop.call_later(_LOOK_SECONDS, self._look)

    def _is_idle(self) -> bool:
        """Whether no request came or was at work since the last look."""
        is_idle = self.cycle is None or self.cycle.response_complete
        was_idle, self._was_idle = self._was_idle, is_idle
        before, self._answered_before = self._answered_before, self.cycle
        return is_idle and was_idle and before is self.cycle

    def _takes_nothing(self) -> bool:
        """Whether too little was taken since the last look of what waits to be sent."""
        is_held = self.flow.write_paused or self.transport.is_closing()
        waiting = self.transport.get_write_buffer_size() if is_held else 0
        before, self._waiting_before = self._waiting_before, waiting
        return waiting > 0 and 0 < before < waiting + _SLOWEST * _LOOK_SECONDS
