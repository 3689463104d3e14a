"""How a plugin declares a kind of session store. Listings import this, and no store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import field, frozen

from longtake.schema import declared

if TYPE_CHECKING:
    from longtake.session_stores.protocol import SessionStore

__all__ = ["SessionBackend"]


@frozen
class SessionBackend:
    """A kind of session store that a plugin provides under a URL scheme.

    ``open`` is a callable, or its ``"package.module:attribute"`` name, that takes the whole URL
    (``sqlite:///var/takes.db``) and returns a `SessionStore`; it raises `ValidationError` for a URL
    that it cannot use. ``example``: a URL where such a store is usually found, which
    ``longtake doctor`` tries; empty when there is no such place.
    """

    scheme: str = field(validator=declared.name)
    open: str | Callable[[str], SessionStore] = field(validator=declared.target())
    example: str = field(default="", validator=declared.text)
