"""Who asks: a token, and the tenant whose it is."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from pathlib import Path

import anyio
import anyio.to_thread
from starlette.requests import Request

import longtake as lt
from longtake_serve.http.errors import Forbidden, Unauthorized

__all__ = ["Access", "TokenFile", "check_origin", "open_token_file"]

_LINE = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})", re.ASCII)
_TENANT = re.compile(r"[!-~]{1,128}", re.ASCII)
_LOCAL = "local"
"""The tenant of all callers where nobody is asked for a token."""
_PATIENCE = 10.0
"""Seconds that an authenticator has for an answer."""
_AT_ONCE = 16
"""Requests that an authenticator is asked about at once, each in a thread of its own."""


class Access:
    """Says who asks. ``authenticator``: knows it; None: everybody is the same tenant."""

    def __init__(self, authenticator: lt.Authenticator | None) -> None:
        self._authenticator = authenticator
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._threads = anyio.CapacityLimiter(_AT_ONCE)  # others than those that answer

    async def tenant_of(self, request: Request) -> str:
        """The tenant. Raises `Unauthorized` and `longtake.AuthenticatorUnavailable`."""
        if self._authenticator is None:
            return _LOCAL
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip() if kind.lower() == "bearer" else None
        tenant = await self._asked(self._authenticator, given or None)
        if tenant is None:
            raise Unauthorized("send a token that this server knows: 'Authorization: Bearer TOKEN'")
        if not isinstance(tenant, str) or _TENANT.fullmatch(tenant) is None:
            kind = type(self._authenticator).__name__
            problem = "no tenant, which is 1 to 128 visible characters of ASCII"
            raise lt.PluginError(f"{kind}.tenant returned {tenant!r:.200}: {problem}")
        return tenant

    async def _asked(self, authenticator: lt.Authenticator, token: str | None) -> str | None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._turns.acquire()
                asking = asyncio.create_task(self._in_thread(authenticator, token))
                return await asyncio.shield(asking)
        except TimeoutError:
            problem = f"{type(authenticator).__name__} said nothing for {_PATIENCE:g} seconds"
            raise lt.AuthenticatorUnavailable(problem) from None

    async def _in_thread(self, authenticator: lt.Authenticator, token: str | None) -> str | None:
        """One that nobody waits for any more has its turn until it ends: threads stay few."""
        try:
            return await anyio.to_thread.run_sync(
                authenticator.tenant, token, abandon_on_cancel=True, limiter=self._threads
            )
        finally:
            self._turns.release()


class TokenFile:
    """A `longtake.Authenticator` that reads a file of lines ``tenant:SHA-256 of a token``, in hex.

    Empty lines and those that begin with ``#`` are passed over; a tenant may have several tokens.
    Raises `longtake.ValidationError` with the path ``tokens`` and the line.
    """

    def __init__(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise lt.ValidationError("tokens", f"{path} cannot be read: {error}") from None
        self._known: list[tuple[str, bytes]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = _LINE.fullmatch(line.strip())
            if found is None:
                problem = "is not a tenant (A-Z, a-z, 0-9, . _ -), ':' and 64 hexadecimal digits"
                raise lt.ValidationError("tokens", f"{path}, line {number} {problem}")
            self._known.append((found[1], bytes.fromhex(found[2])))
        if not self._known:
            raise lt.ValidationError("tokens", f"{path} has no token, so nobody could ask")

    def tenant(self, token: str | None) -> str | None:
        """As `longtake.Authenticator.tenant`."""
        digest = hashlib.sha256((token or "").encode("utf-8", "surrogateescape")).digest()
        tenant = None
        for name, known in self._known:  # all of them: the time tells nothing
            if hmac.compare_digest(digest, known):
                tenant = name
        return tenant if token else None


def open_token_file(url: str) -> TokenFile:
    """The `TokenFile` of a URL ``file:///path``. Raises `longtake.ValidationError`."""
    return TokenFile(Path(lt.local_path(url, scheme="file", what="tokens")))


def check_origin(request: Request) -> None:
    """Raise `Forbidden` for a change that a page of another origin asks for."""
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if origin is not None and origin.partition("://")[2] != host:
        raise Forbidden("pages of other origins may not change anything here")
