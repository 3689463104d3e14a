"""How a plugin declares a kind of dispatcher. Listings import this, and no dispatcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from longtake.schema import declared

__all__ = ["DispatcherBackend"]


@frozen
class DispatcherBackend:
    """A kind of dispatcher that a plugin provides under a URL scheme.

    - ``open``: a callable, or its ``"package.module:attribute"`` name, that is called like
      `longtake.open_dispatcher`, with stores that are open and without a registry, and returns a
      `Dispatcher`; it raises `ValidationError` for a URL that it cannot use.
    - ``pool``: one that takes the whole URL and returns the `DispatcherPool` there, where workers
      can be seen from other processes; None where they cannot.
    """

    scheme: str = field(validator=declared.name)
    open: str | Callable[..., Any] = field(validator=declared.target())
    pool: str | Callable[[str], Any] | None = field(
        default=None, validator=declared.target(optional=True)
    )
