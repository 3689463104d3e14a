"""What the fields of a plugin's records refuse, so that a broken plugin fails when it is loaded.

Nothing is imported for it: what is named by ``"package.module:attribute"`` is checked when it is
used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import Attribute, fields

from longtake.errors import PluginError, shown

__all__ = [
    "as_tuple",
    "has_kind",
    "is_target",
    "items_or_target",
    "mapping",
    "name",
    "refuse",
    "target",
    "text",
    "text_or_callable",
    "true_or_false",
    "tuple_of",
    "whole",
]

Validator = Callable[[Any, "Attribute[Any]", Any], None]

_TARGET = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")


def refuse(instance: Any, where: str, value: object, what: str) -> None:
    """Raise `PluginError`: whose field it is, its value, and what it must be."""
    first = fields(type(instance))[0].name
    whose = f"{type(instance).__name__} {shown(object.__getattribute__(instance, first))}"
    raise PluginError(f"{whose}: {where} is {shown(value)}; must be {what}")


def is_target(value: str) -> bool:
    """Whether it has the form ``"package.module:attribute"``."""
    return _TARGET.fullmatch(value) is not None


def _instance_of(kinds: Any, what: str) -> Validator:
    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is int):
            refuse(instance, attribute.name, value, what)

    return check


text = _instance_of(str, "a text")
whole = _instance_of(int, "a whole number")
true_or_false = _instance_of(bool, "true or false")


def name(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """A text that people can type."""
    if not isinstance(value, str) or not value or not value.isprintable():
        refuse(instance, attribute.name, value, "a name")


def mapping(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """A mapping whose keys are texts."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        refuse(instance, attribute.name, value, "a mapping with texts as keys")


def target(*, optional: bool = False, classes: bool = False) -> Validator:
    """A callable, or with ``classes`` a class, or its ``"package.module:attribute"``."""
    what = "a class" if classes else "a callable"

    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if value is None and optional:
            return
        fits = isinstance(value, type) if classes else callable(value)
        if isinstance(value, str):
            fits = is_target(value)
        if not fits:
            refuse(
                instance, attribute.name, value, f"{what}, or its name 'package.module:attribute'"
            )

    return check


def text_or_callable(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """A text, a callable that gives one, or None."""
    if value is not None and not isinstance(value, str) and not callable(value):
        refuse(instance, attribute.name, value, "a text, or a callable that gives one")


def items_or_target(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """A tuple of records, or the name ``"package.module:attribute"`` of one."""
    if not isinstance(value, tuple) and not (isinstance(value, str) and is_target(value)):
        refuse(instance, attribute.name, value, "a tuple, or its name 'package.module:attribute'")


def tuple_of(fits: Callable[[Any], bool], what: str) -> Validator:
    """A tuple, each item of which ``fits``."""

    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, tuple):
            refuse(instance, attribute.name, value, f"a tuple, each of {what}")
        for index, item in enumerate(value):
            if not fits(item):
                refuse(instance, f"{attribute.name}[{index}]", item, what)

    return check


def as_tuple(given: Any) -> Any:
    """A tuple of what can be one; anything else as it is, for a validator to refuse."""
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else given


def has_kind(item: Any) -> bool:
    """Whether a codec can be listed; what else it must do shows when it is used."""
    if isinstance(item, type) or not hasattr(item, "kind"):
        return False
    return isinstance(item.kind, str) and item.kind.isprintable() and bool(item.kind)
