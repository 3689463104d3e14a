"""Headers: which every answer has, and by which name a server lets itself be asked."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longtake_serve.http.errors import answer_of

__all__ = ["KnownHosts", "SecurityHeaders"]

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""An answer that says one of them itself keeps it."""


class SecurityHeaders:
    """Adds the headers to all answers of an application, errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        return await self._app(scope, receive, send_with_headers)


class KnownHosts:
    """Answers only those who ask by one of these names, without ports.

    A page whose name was made to mean this machine cannot ask then. ``hosts``: as they stand in
    URLs, such as ``[::1]``.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = Headers(scope=scope).get("host", "").lower()
            if re.sub(r":[0-9]*$", "", host) not in self._hosts:
                problem = f"is not a name of this server: {', '.join(sorted(self._hosts))}"
                answer = answer_of(421, "UnknownHost", f"Host {problem}", path="host")
                return await answer(scope, receive, send)
        return await self._app(scope, receive, send)
