"""Text that tokenizers, files and JSON take: Unicode, without halves of surrogate pairs."""

from __future__ import annotations

from typing import Any

from attrs import Attribute

from longtake.errors import ValidationError
from longtake.schema.bounds import is_a, path_of

__all__ = ["check_texts", "text", "texts"]


def check_texts(value: object, path: str) -> None:
    """Refuse a text that is no Unicode, at any depth of dicts, lists and tuples, keys too.

    Python makes such texts of bytes of a command line that are not UTF-8, and of an escape such as
    ``"\\ud800"`` in JSON; no tokenizer and no file takes them. Raises `ValidationError`.
    """
    seen = set()
    todo: list[tuple[object, Any]] = [(value, (None, path))]
    while todo:
        each, place = todo.pop()
        if isinstance(each, str):
            _check_text(each, "", place)
        elif isinstance(each, dict | list | tuple) and id(each) not in seen:
            seen.add(id(each))  # a value that contains itself is not ours to refuse
            items = each.items() if isinstance(each, dict) else enumerate(each)
            for name, inner in items:
                if isinstance(name, str):
                    _check_text(name, "the key ", place)
                todo.append((inner, (place, name)))


def _check_text(text: str, what: str, place: Any) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        near = text[max(0, error.start - 20) : error.start + 1]
        problem = f"has {what}{near!r} that is no Unicode text at its end; write it in UTF-8"
        raise ValidationError(_joined(place), problem) from None


def _joined(place: Any) -> str:
    """``(((None, "payload"), "a"), 0)`` is ``payload.a[0]``."""
    names = []
    while place is not None:
        place, name = place
        names.append(f"[{name}]" if isinstance(name, int) else f".{name}" if name else "")
    return "".join(reversed(names)).removeprefix(".")


def text(instance: Any, attribute: Attribute[Any], value: object) -> None:
    """A string that is Unicode text; None if that is the default."""
    is_a(str, what="a string")(instance, attribute, value)
    check_texts(value, path_of(instance, attribute))


def texts(instance: Any, attribute: Attribute[Any], value: object) -> None:
    """Every text in a value, as `check_texts`."""
    check_texts(value, path_of(instance, attribute))
