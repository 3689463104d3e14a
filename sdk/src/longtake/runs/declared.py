"""An observer as its plugin declares it: made for each pipeline, with options of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from longtake.errors import PluginError, ValidationError, shown
from longtake.schema import declared
from longtake.schema.frozen import Frozen

if TYPE_CHECKING:
    from longtake.runs.events import RunEvent

__all__ = ["Observer"]


class Observer(Frozen):
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

    __slots__ = ("name", "make", "options", "description")

    def __init__(
        self,
        name: str,
        make: str | Callable[..., Callable[[RunEvent], None] | None],
        *,
        options: str | type[Any] | None = None,
        description: str = "",
    ) -> None:
        self.name: Final = name
        self.make: Final = make
        self.options: Final = options
        self.description: Final = description
        declared.name(self, "name")
        declared.target(self, "make")
        declared.target(self, "options", optional=True, classes=True)
        declared.text(self, "description")

    def read_options(self, said: Any, path: str = "options") -> Any:
        """An instance of the options class, None without one.

        ``said``: such an instance, or its fields by name. Raises `ValidationError` below ``path``,
        and `PluginError` for a class that is none.
        """
        from attrs import has  # late, as below: declaring does without

        from longtake.schema.references import resolve
        from longtake.schema.wire import structure

        cls: Any = resolve(self.options)
        if cls is None:
            if said:
                raise ValidationError(path, f"has no options, is {shown(said)}")
            return None
        if not (isinstance(cls, type) and has(cls)):
            raise PluginError(f"the options of observer {self.name!r} are no attrs class")
        if isinstance(said, cls):
            return said
        if not isinstance(said, Mapping):
            problem = f"is {shown(said)}; must be its options by name, or false to leave it out"
            raise ValidationError(path, problem)
        texts = {n: os.fspath(v) if isinstance(v, os.PathLike) else v for n, v in said.items()}
        return structure(texts, cls, path=path)

    def made(self, options: Any = None) -> Callable[[RunEvent], None] | None:
        """The callable for one pipeline. ``options``: as `read_options` gives them.

        Raises what ``make`` raises, and `PluginError` for something that cannot be called.
        """
        from longtake.schema.references import resolve

        make: Any = resolve(self.make)
        observer: Any = make() if self.options is None else make(options)
        if observer is not None and not callable(observer):
            problem = f"its make returned {shown(observer)}, which cannot be called"
            raise PluginError(f"observer {self.name!r}: {problem}")
        told: Callable[[RunEvent], None] | None = observer
        return told
