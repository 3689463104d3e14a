"""How a plugin declares a kind of dispatcher. Listings import this, and no dispatcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from longtake.schema import declared
from longtake.schema.frozen import Frozen

__all__ = ["DispatcherBackend"]


class DispatcherBackend(Frozen):
    """A kind of dispatcher that a plugin provides under a URL scheme.

    - ``open``: a callable, or its ``"package.module:attribute"`` name, that is called like
      `longtake.open_dispatcher`, with stores that are open and without a registry, and returns a
      `Dispatcher`; it raises `ValidationError` for a URL that it cannot use.
    - ``pool``: one that takes the whole URL and returns the `DispatcherPool` there, where workers
      can be seen from other processes; None where they cannot.
    """

    __slots__ = ("scheme", "open", "pool")

    def __init__(
        self,
        scheme: str,
        open: str | Callable[..., Any],
        pool: str | Callable[[str], Any] | None = None,
    ) -> None:
        self.scheme: Final = scheme
        self.open: Final = open
        self.pool: Final = pool
        declared.name(self, "scheme")
        declared.target(self, "open")
        declared.target(self, "pool", optional=True)
