"""Which attrs classes are whole: every field that they declare is one for attrs, too."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, Protocol

import attrs

from longtake.errors import PluginError

__all__ = ["check_record"]

_NO_FIELD = ("ClassVar", "typing.ClassVar", "t.ClassVar", "attrs.ClassVar")
"""How annotations of what is no field begin, as texts."""


@cache
def check_record(cls: type) -> None:
    """Refuse a class with a field that attrs does not know, which would be lost silently.

    That is what a class gets that inherits from an attrs class and is not decorated itself, what a
    mixin gets that is none, and a field without ``attrs.field`` beside others with it. Raises
    `PluginError` naming class and field, and what to write.
    """
    known = {field.name for field in attrs.fields(cls)}
    for base in cls.__mro__:
        if base is Protocol or vars(base).get("_is_protocol", False):
            continue  # what another class is to have
        decorated = "__attrs_attrs__" in vars(base)
        for name in sorted(_declared(base, decorated=decorated) - known):
            how = (
                f"write {name}: ... = attrs.field(), as the other fields are"
                if decorated
                else f"decorate {base.__name__} with @attrs.frozen, as the class that it extends is"
                if attrs.has(base)
                else f"decorate {base.__name__} with @attrs.frozen"
            )
            raise PluginError(
                f"{cls.__name__}.{name} is no field for attrs and would be lost; {how}, or make it "
                "a ClassVar"
            )


def _declared(base: type, *, decorated: bool) -> set[str]:
    if base.__module__ in ("builtins", "typing", "abc"):
        return set()
    found = {
        name
        for name, hint in inspect.get_annotations(base).items()
        if not str(hint).strip("'\"").startswith(_NO_FIELD)
    }
    slots: Any = vars(base).get("__slots__", ())
    if not decorated:  # attrs writes its own
        found |= {slots} if isinstance(slots, str) else set(slots)
    return found - {"__dict__", "__weakref__"}
