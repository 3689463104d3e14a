"""Text that tokenizers, files and JSON take: Unicode, without halves of surrogate pairs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from attrs import Attribute

from longtake.errors import ValidationError
from longtake.schema.bounds import is_a, path_of

__all__ = ["CONTAINERS", "Place", "check_texts", "items_of", "path_to", "text", "texts"]

CONTAINERS = (dict, list, tuple)
"""What values of JSON lie in; a tuple of types, as `isinstance` is slower with a union."""

_WITHOUT_TEXT = frozenset({int, float, bool, type(None)})

Place: TypeAlias = tuple[Any, Any]
"""The place of what contains a value, None for a document; and the key or index in that."""


def check_texts(value: object, path: str) -> None:
    """Refuse a text that is no Unicode, at any depth of dicts, lists and tuples, keys too.

    Python makes such texts of bytes of a command line that are not UTF-8, and of an escape such as
    ``"\\ud800"`` in JSON; no tokenizer and no file takes them. Raises `ValidationError`.
    """
    if _is_unicode(value):
        return
    seen = set()
    todo: list[tuple[object, Place]] = [(value, (None, path))]
    while todo:
        each, place = todo.pop()
        if isinstance(each, str):
            _check_text(each, "", place)
        elif isinstance(each, CONTAINERS) and id(each) not in seen:
            seen.add(id(each))
            for name, inner in items_of(each):
                if isinstance(name, str):
                    _check_text(name, "the key ", place)
                todo.append((inner, (place, name)))


def items_of(container: Any) -> Iterable[tuple[Any, Any]]:
    """The values of a dict by their keys, of a list or tuple by their indices."""
    return container.items() if isinstance(container, dict) else enumerate(container)


def _is_unicode(value: object) -> bool:
    """Whether all texts are, told at once; where one is not is another question."""
    seen, todo = set(), [value]
    while todo:
        each = todo.pop()
        if type(each) in _WITHOUT_TEXT:
            continue
        if isinstance(each, str):
            if not each.isascii() and not _encodes(each):
                return False
        elif isinstance(each, CONTAINERS) and id(each) not in seen:
            seen.add(id(each))  # a value that contains itself is not ours to refuse
            todo.extend(each)
            if isinstance(each, dict):
                todo.extend(each.values())
    return True


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_text(text: str, what: str, place: Place) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        near = text[max(0, error.start - 20) : error.start + 1]
        problem = f"has {what}{near!r} that is no Unicode text at its end; write it in UTF-8"
        raise ValidationError(path_to(place), problem) from None


def path_to(place: Place) -> str:
    """The path that a place is named by: ``(((None, "payload"), "a"), 0)`` is ``payload.a[0]``."""
    names = []
    way: Place | None = place
    while way is not None:
        way, name = way
        names.append(f"[{name}]" if isinstance(name, int) else f".{name}" if name else "")
    return "".join(reversed(names)).removeprefix(".")


def text(instance: Any, attribute: Attribute[Any], value: object) -> None:
    """A string that is Unicode text; None if that is the default."""
    is_a(str, what="a string")(instance, attribute, value)
    check_texts(value, path_of(instance, attribute))


def texts(instance: Any, attribute: Attribute[Any], value: object) -> None:
    """Every text in a value, as `check_texts`."""
    check_texts(value, path_of(instance, attribute))
