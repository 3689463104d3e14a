"""How a plugin declares a kind of session store. Listings import this, and no store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from longtake.schema import declared
from longtake.schema.frozen import Frozen

if TYPE_CHECKING:
    from longtake.session_stores.protocol import SessionStore

__all__ = ["SessionBackend"]


class SessionBackend(Frozen):
    """A kind of session store that a plugin provides under a URL scheme.

    ``open`` is a callable, or its ``"package.module:attribute"`` name, that takes the whole URL
    (``sqlite:///var/takes.db``) and returns a `SessionStore`; it raises `ValidationError` for a URL
    that it cannot use. ``example``: a URL where such a store is usually found, which
    ``longtake doctor`` tries; empty when there is no such place.
    """

    __slots__ = ("scheme", "open", "example")

    def __init__(
        self, scheme: str, open: str | Callable[[str], SessionStore], example: str = ""
    ) -> None:
        self.scheme: Final = scheme
        self.open: Final = open
        self.example: Final = example
        declared.name(self, "scheme")
        declared.target(self, "open")
        declared.text(self, "example")
