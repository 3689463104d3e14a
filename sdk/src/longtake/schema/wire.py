"""The one strict converter between JSON-like documents and attrs values.

Nothing is coerced: ``"3"`` is not an int, ``3.9`` is not an int, ``True`` is not a number. An int
is accepted where a float is meant, because JavaScript writes 1.0 as 1. Bytes are base64
text. Every refusal is one `ValidationError` whose path names the field.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, Literal, TypeVar, get_args, get_origin

import attrs
from cattrs import BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.errors import (
    AttributeValidationNote,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, make_mapping_structure_fn

from longtake.errors import LongtakeError, PluginError, ValidationError
from longtake.schema.ratios import as_ratio
from longtake.schema.records import check_record
from longtake.schema.suggestions import did_you_mean
from longtake.schema.texts import check_texts

__all__ = ["is_array_type", "structure", "unstructure"]

T = TypeVar("T")

_ATTRS_VALIDATOR_MESSAGE = re.compile(r"^'(\w+)' ")


def structure(document: object, cls: type[T], *, path: str = "") -> T:
    """Build ``cls`` from ``document``.

    Raises `ValidationError` naming the first wrong field below ``path``: an unknown key, a wrong
    type, a missing field, or a value that a validator of the class refuses; and `PluginError` for a
    class with a field that attrs does not know.
    """
    try:
        return _converter.structure(document, cls)
    except PluginError:  # a class that is wrong is not the caller's value
        raise
    except Exception as error:  # whatever a field's hook or validator raises is the caller's value
        raise _as_validation_error(error, path, cls) from None


def unstructure(value: object) -> Any:
    """The plain JSON-like document of an attrs value; the inverse of `structure`."""
    return _converter.unstructure(value)


def _join(path: str, name: object) -> str:
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else str(name)


def _as_validation_error(error: BaseException, path: str, cls: Any) -> ValidationError:
    if isinstance(error, ValidationError):
        if not error.path:
            return ValidationError(path, error.problem)
        whole = error.path.startswith(path)
        return error if whole else ValidationError(_join(path, error.path), error.problem)
    if isinstance(error, BaseValidationError):
        return _first_of(error, path)
    if isinstance(error, ForbiddenExtraKeysError):
        name = sorted(error.extra_fields)[0]
        fields = [field.name for field in attrs.fields(error.cl)]
        allowed = ", ".join(fields) or "none"
        problem = f"unknown field{did_you_mean(str(name), fields)}; allowed: {allowed}"
        return ValidationError(_join(path, name), problem)
    if isinstance(error, KeyError) and not isinstance(error, LongtakeError):
        return ValidationError(_join(path, error.args[0]), "required, but missing")
    message = str(error.args[0]) if error.args else type(error).__name__
    match = _ATTRS_VALIDATOR_MESSAGE.match(message)
    if match and attrs.has(cls) and match[1] in attrs.fields_dict(cls):
        return ValidationError(_join(path, match[1]), message[match.end() :])
    return ValidationError(path, message)


def _first_of(group: BaseValidationError, path: str) -> ValidationError:
    error = group.exceptions[0]
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            if isinstance(error, KeyError) and error.args and error.args[0] == note.name:
                break
            return _as_validation_error(error, _join(path, note.name), note.type)
        if isinstance(note, IterableValidationNote):
            return _as_validation_error(error, _join(path, note.index), note.type)
    return _as_validation_error(error, path, group.cl)


def _expected(what: str, value: object) -> TypeError:
    shown = repr(value[:60] if isinstance(value, str | bytes) else value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return TypeError(f"expected {what}, got {shown} ({type(value).__name__})")


def _integer(value: object, _: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected("an integer", value)
    return value


def _number(value: object, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _expected("a number", value)
    try:
        number = float(value)
    except OverflowError:
        raise _expected("a finite number", value) from None
    if not math.isfinite(number):
        raise _expected("a finite number", value)
    return number


def _string(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise _expected("a string", value)
    check_texts(value, "")
    return value


def _boolean(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise _expected("true or false", value)
    return value


def _ratio(value: object, _: object) -> Fraction:
    try:
        return as_ratio(value)
    except ValueError:
        raise _expected("a number or a ratio such as '24000/1001'", value) from None


def _ratio_document(value: Fraction) -> int | str:
    return value.numerator if value.denominator == 1 else str(value)


def _bytes(value: object, _: object) -> bytes:
    """Bytes themselves, or their base64 text, which is how JSON says them."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str) or len(value) % 4:
        raise _expected("base64 text", value)
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise _expected("base64 text", value) from None


def _bytes_document(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _choice(value: object, wanted: Any) -> object:
    """One of a Literal's values, and of its type: True is not 1."""
    for choice in get_args(wanted):
        if type(choice) is type(value) and choice == value:
            return value
    raise _expected(f"one of {', '.join(map(repr, get_args(wanted)))}", value)


def _mapping(value: object, _: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _expected("an object", value)
    check_texts(value, "")
    return value


def is_array_type(hint: Any) -> bool:
    """Whether ``hint`` is the type of a NumPy array or a tensor; imports neither library."""
    cls = get_origin(hint) or hint
    return (
        isinstance(cls, type)
        and not attrs.has(cls)
        and any(base.__name__ in _ARRAYS for base in cls.__mro__)
    )


_ARRAYS = {"ndarray", "Tensor"}


def _array(value: object, _: object) -> object:
    """One that was read already: JSON has none, which is why a state's codec makes them."""
    if not is_array_type(type(value)):
        raise _expected("an array", value)
    return value


def _make_converter() -> Converter:
    converter = Converter(
        forbid_extra_keys=True,
        detailed_validation=True,
        unstruct_collection_overrides={tuple: list},  # as JSON has it
    )
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(str, _string)
    converter.register_structure_hook(bool, _boolean)
    converter.register_structure_hook(Fraction, _ratio)
    converter.register_unstructure_hook(Fraction, _ratio_document)
    converter.register_structure_hook(bytes, _bytes)
    converter.register_unstructure_hook(bytes, _bytes_document)
    converter.register_structure_hook_func(_is_choice, _choice)
    converter.register_structure_hook_func(is_array_type, _array)
    converter.register_unstructure_hook_func(is_array_type, lambda value: value)
    converter.register_structure_hook_func(lambda cls: cls == dict[str, Any], _mapping)
    converter.register_structure_hook_factory(
        _is_mapping_of_values, partial(_mapping_of, converter)
    )
    converter.register_structure_hook_factory(
        _is_sequence_of_values, partial(_sequence_of, converter)
    )
    converter.register_structure_hook_factory(attrs.has, partial(_record, converter))
    return converter


def _is_choice(cls: Any) -> bool:
    origin: object = get_origin(cls)
    return origin is Literal


def _is_mapping_of_values(cls: Any) -> bool:
    return get_origin(cls) is dict and get_args(cls)[1] is not Any


def _mapping_of(converter: Converter, cls: Any) -> Callable[[object, object], Any]:
    fill: Callable[[Any, Any], Any] = make_mapping_structure_fn(cls, converter)

    def structure_mapping(value: object, wanted: object) -> Any:
        return fill(_mapping(value, wanted), wanted)

    return structure_mapping


def _is_sequence_of_values(cls: Any) -> bool:
    return get_origin(cls) in (list, tuple)


def _sequence_of(converter: Converter, cls: Any) -> Callable[[object, object], Any]:
    """A list, never a string: cattrs itself takes anything that can be iterated."""
    *types, last = get_args(cls)
    any_length = get_origin(cls) is list or last is ...

    def structure_sequence(value: object, _: object) -> Any:
        if not isinstance(value, list | tuple):
            raise _expected("a list", value)
        wanted = [types[0] if types else last] * len(value) if any_length else [*types, last]
        if len(wanted) != len(value):
            raise _expected(f"a list of {len(wanted)}", value)
        items = []
        for index, (item, item_type) in enumerate(zip(value, wanted, strict=True)):
            try:
                items.append(converter.structure(item, item_type))
            except Exception as error:  # as in `structure`, whose path this is part of
                error.add_note(IterableValidationNote(f"item {index}", index, item_type))
                raise IterableValidationError("", [error], cls) from None
        return get_origin(cls)(items)

    return structure_sequence


def _record(converter: Converter, cls: type) -> Callable[[object, object], Any]:
    check_record(cls)
    fill: Callable[[Any, Any], Any] = make_dict_structure_fn(cls, converter)

    def structure_record(value: object, wanted: object) -> Any:
        if not isinstance(value, dict):
            raise _expected("an object", value)
        return fill(value, wanted)

    return structure_record


_converter = _make_converter()
