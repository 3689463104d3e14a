"""What the fields of a plugin's records refuse, so that a broken plugin fails when it is loaded.

Each check is given a record, whose fields are set, and the names of those that it is for. Nothing
is imported for it: what is named by ``"package.module:attribute"`` is checked when it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from longtake.errors import PluginError, shown
from longtake.schema.frozen import Frozen, fields_of

__all__ = [
    "EMPTY",
    "as_tuple",
    "has_kind",
    "is_target",
    "items_or_target",
    "mapping",
    "name",
    "own",
    "refuse",
    "target",
    "text",
    "text_or_callable",
    "true_or_false",
    "tuple_of",
    "whole",
]

T = TypeVar("T")

_TARGET = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")

EMPTY: Mapping[str, Any] = MappingProxyType({})
"""The default of a parameter that is a mapping; see `own`."""


def own(given: Mapping[str, T]) -> Mapping[str, T]:
    """``given``, and for `EMPTY` a dictionary of the record's own."""
    return {} if given is EMPTY else given


def refuse(record: Frozen, where: str, value: object, what: str) -> None:
    """Raise `PluginError`: whose field it is, its value, and what it must be."""
    first = next(iter(fields_of(record).values()))
    whose = f"{type(record).__name__} {shown(first)}"
    raise PluginError(f"{whose}: {where} is {shown(value)}; must be {what}")


def is_target(value: str) -> bool:
    """Whether it has the form ``"package.module:attribute"``."""
    return _TARGET.fullmatch(value) is not None


def text(record: Any, *fields: str) -> None:
    """A text."""
    _check_kind(record, fields, str, "a text")


def whole(record: Any, *fields: str) -> None:
    """A whole number."""
    _check_kind(record, fields, int, "a whole number")


def true_or_false(record: Any, *fields: str) -> None:
    """True or false."""
    _check_kind(record, fields, bool, "true or false")


def _check_kind(record: Any, fields: Iterable[str], kind: type, what: str) -> None:
    for field in fields:
        value = getattr(record, field)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            refuse(record, field, value, what)


def name(record: Any, field: str) -> None:
    """A text that people can type."""
    value = getattr(record, field)
    if not isinstance(value, str) or not value or not value.isprintable():
        refuse(record, field, value, "a name")


def mapping(record: Any, field: str) -> None:
    """A mapping whose keys are texts."""
    value = getattr(record, field)
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        refuse(record, field, value, "a mapping with texts as keys")


def target(record: Any, *fields: str, optional: bool = False, classes: bool = False) -> None:
    """A callable, or with ``classes`` a class, or its ``"package.module:attribute"``."""
    for field in fields:
        value = getattr(record, field)
        if value is None and optional:
            continue
        fits = isinstance(value, type) if classes else callable(value)
        if isinstance(value, str):
            fits = is_target(value)
        if not fits:
            what = "a class" if classes else "a callable"
            refuse(record, field, value, f"{what}, or its name 'package.module:attribute'")


def text_or_callable(record: Any, field: str) -> None:
    """A text, a callable that gives one, or None."""
    value = getattr(record, field)
    if value is not None and not isinstance(value, str) and not callable(value):
        refuse(record, field, value, "a text, or a callable that gives one")


def items_or_target(record: Any, field: str) -> None:
    """A tuple of records, or the name ``"package.module:attribute"`` of one."""
    value = getattr(record, field)
    if not isinstance(value, tuple) and not (isinstance(value, str) and is_target(value)):
        refuse(record, field, value, "a tuple, or its name 'package.module:attribute'")


def tuple_of(record: Any, field: str, fits: Callable[[Any], bool], what: str) -> None:
    """A tuple, each item of which ``fits``."""
    value = getattr(record, field)
    if not isinstance(value, tuple):
        refuse(record, field, value, f"a tuple, each of {what}")
    for index, item in enumerate(value):
        if not fits(item):
            refuse(record, f"{field}[{index}]", item, what)


def as_tuple(given: Any) -> Any:
    """A tuple of what can be one; anything else as it is, for a check to refuse."""
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else given


def has_kind(item: Any) -> bool:
    """Whether a codec can be listed; what else it must do shows when it is used."""
    if isinstance(item, type) or not hasattr(item, "kind"):
        return False
    return isinstance(item.kind, str) and item.kind.isprintable() and bool(item.kind)
