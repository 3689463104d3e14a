"""What knows whose a token is, and how a plugin declares a kind of that. No server is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from longtake.schema import declared
from longtake.schema.frozen import Frozen

__all__ = ["Authenticator", "AuthenticatorBackend"]


@runtime_checkable
class Authenticator(Protocol):
    """Knows whose a bearer token is. A server asks it for each request, from several threads."""

    def tenant(self, token: str | None) -> str | None:
        """The tenant with this token, None for nobody. ``token``: None when none was sent.

        ``token`` is any text that a client sends. A tenant is 1 to 128 visible characters of
        ASCII, and always the same for the same caller: takes are found by it. Where tokens are
        compared, how long that takes tells nothing of those that are known
        (``hmac.compare_digest``). It may wait; a server gives it 10 seconds.

        Raises `AuthenticatorUnavailable` when it cannot be said at the moment.
        """
        ...


class AuthenticatorBackend(Frozen):
    """A kind of authenticator that a plugin provides under a URL scheme.

    ::

        lt.AuthenticatorBackend("oidc", "longtake_oidc:open_authenticator")

    ``open`` is a callable, or its ``"package.module:attribute"`` name, that takes the whole URL
    (``oidc://login.example.com/realm``) and returns an `Authenticator`; it raises
    `ValidationError` for a URL that it cannot use.
    """

    __slots__ = ("scheme", "open")

    def __init__(self, scheme: str, open: str | Callable[[str], Authenticator]) -> None:
        self.scheme: Final = scheme
        self.open: Final = open
        declared.name(self, "scheme")
        declared.target(self, "open")
