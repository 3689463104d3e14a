"""An observer as its plugin declares it: made for each pipeline, with options of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from longtake.schema import declared

if TYPE_CHECKING:
    from longtake.runs.events import RunEvent

__all__ = ["Observer"]


@frozen
class Observer:
    """An observer that has a name, may have options, and is made for each pipeline that is loaded.

    ::

        lt.Observer("run-log", "longtake_run_log:RunLog", options="longtake_run_log:RunLogOptions")

    - ``name``: what users call it, unique among all plugins.
    - ``make``: a callable, or its ``"package.module:attribute"`` name, that is given an instance of
      ``options``, and nothing where there are none. It returns the callable that is told the
      events, or None where it has nothing to do with these options. What it returns may have a
      ``close()``, which is called once when the pipeline is closed. It raises `ValidationError`
      for options that it refuses, one of them as ``options.<field>``.
    - ``options``: the attrs class of what users may set, or its name; every field has a default.
    - ``description``: one line.
    """

    name: str = field(validator=declared.name)
    make: str | Callable[..., Callable[[RunEvent], None] | None] = field(
        validator=declared.target()
    )
    options: str | type[Any] | None = field(
        default=None, kw_only=True, validator=declared.target(optional=True, classes=True)
    )
    description: str = field(default="", kw_only=True, validator=declared.text)
