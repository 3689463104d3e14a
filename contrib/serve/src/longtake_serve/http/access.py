"""Who asks: a token, and the tenant whose it is."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path
from typing import Protocol

from starlette.requests import Request

import longtake as lt
from longtake_serve.http.errors import Forbidden, Unauthorized

__all__ = ["Authenticator", "Everybody", "TokenFile", "check_origin", "tenant_of"]

_LINE = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})", re.ASCII)


class Authenticator(Protocol):
    """Knows whose a token is."""

    def tenant(self, token: str | None) -> str | None:
        """The tenant with this bearer token, None for nobody. ``token``: None when there is none.

        Tokens are compared in constant time. It is called in the event loop and must not wait.
        """
        ...


class Everybody:
    """An `Authenticator` for which all callers are one tenant, ``"local"``; tokens mean nothing."""

    def tenant(self, token: str | None) -> str | None:
        """As `Authenticator.tenant`."""
        return "local"


class TokenFile:
    """An `Authenticator` that reads a file of lines ``tenant:SHA-256 of a token in hexadecimal``.

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
        """As `Authenticator.tenant`."""
        digest = hashlib.sha256((token or "").encode("utf-8", "surrogateescape")).digest()
        tenant = None
        for name, known in self._known:  # all of them: the time tells nothing
            if hmac.compare_digest(digest, known):
                tenant = name
        return tenant if token else None


def tenant_of(request: Request, authenticator: Authenticator) -> str:
    """Who asks. Raises `Unauthorized`."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    given = token.strip() if kind.lower() == "bearer" else None
    tenant = authenticator.tenant(given or None)
    if tenant is None:
        raise Unauthorized("send a token that this server knows: 'Authorization: Bearer TOKEN'")
    return tenant


def check_origin(request: Request) -> None:
    """Raise `Forbidden` for a change that a page of another origin asks for."""
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if origin is not None and origin.partition("://")[2] != host:
        raise Forbidden("pages of other origins may not change anything here")
