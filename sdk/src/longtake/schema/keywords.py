"""What JSON Schema says of a field's validators: those of ours, and attrs' own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from attrs import validators

from longtake.errors import PluginError
from longtake.schema.bounds import SupportsSchema

__all__ = ["END", "keywords_of", "refuses_none"]

END = r"(?![\s\S])"
"""Unlike $, the same in every dialect: nothing follows, not even a newline."""

# The classes of attrs' own validators, which have no public names; their attributes are in their
# texts. A validator that is none of these is simply not in a schema.
_NUMBER: Any = type(validators.ge(0))
_CHOICE: Any = type(validators.in_(()))
_MIN_LENGTH: Any = type(validators.min_len(0))
_MAX_LENGTH: Any = type(validators.max_len(0))
_ALL: Any = type(validators.and_())
_EACH: Any = type(validators.deep_iterable(validators.ge(0)))
_OPTIONAL: Any = type(validators.optional(validators.ge(0)))

_PATTERN: Any = type(validators.matches_re(""))

_COMPARISONS = {
    ">=": "minimum",
    ">": "exclusiveMinimum",
    "<=": "maximum",
    "<": "exclusiveMaximum",
}
_LENGTHS = {"array": "Items", "string": "Length", "object": "Properties"}


def refuses_none(validator: Any) -> bool:
    """Whether ``validator`` is one of attrs' that cannot take None, not even where a field can."""
    if isinstance(validator, _ALL):
        return any(map(refuses_none, validator._validators))
    return isinstance(validator, (_NUMBER, _MIN_LENGTH, _MAX_LENGTH, _EACH))


def keywords_of(
    validator: Any, kind: str, item_kind: str = "", *, where: str = ""
) -> list[dict[str, Any]]:
    """The keywords of JSON Schema for what ``validator`` checks; none where it does not say it.

    ``kind``: the JSON type that it checks; "" for one that is not compared as JSON says it.
    ``item_kind``: that of the items of an array. ``where``: class and field, for the error.

    Raises `PluginError` for a `SupportsSchema` that is not one.
    """
    if isinstance(validator, _ALL):
        return [
            keywords
            for each in validator._validators
            for keywords in keywords_of(each, kind, item_kind, where=where)
        ]
    if isinstance(validator, _OPTIONAL):
        found = keywords_of(validator.validator, kind, item_kind, where=where)
        return [_with_none(keywords) for keywords in found]
    if isinstance(validator, _EACH):
        inner = keywords_of(validator.member_validator, item_kind, where=where)
        outer = keywords_of(validator.iterable_validator, kind, item_kind, where=where)
        return [*outer, *({"items": keywords} for keywords in inner)]
    if isinstance(validator, SupportsSchema):
        return [_said(validator, where)]
    if isinstance(validator, _NUMBER) and isinstance(validator.bound, int | float | Fraction):
        return [{_COMPARISONS[validator.compare_op]: _number(validator.bound)}]
    if isinstance(validator, _MIN_LENGTH) and kind in _LENGTHS:
        return [{f"min{_LENGTHS[kind]}": validator.min_length}]
    if isinstance(validator, _MAX_LENGTH) and kind in _LENGTHS:
        return [{f"max{_LENGTHS[kind]}": validator.max_length}]
    if isinstance(validator, _PATTERN) and kind == "string":
        return _pattern(validator)
    if isinstance(validator, _CHOICE) and kind and _are_plain(validator.options):
        is_set = isinstance(validator.options, frozenset)
        return [{"enum": sorted(validator.options, key=str) if is_set else [*validator.options]}]
    return []


_ONLY_PYTHONS = re.compile(r"\\[AZ]|\(\?(?:[aiLmsuxP(#>]|-)|[*+?}]\+")
"""What a pattern says in another way than ECMA-262, whose patterns JSON Schema has."""


def _pattern(validator: Any) -> list[dict[str, Any]]:
    """One with flags, or in words that only Python knows, is not in a schema."""
    pattern, how = validator.pattern, validator.match_func.__name__
    text = pattern.pattern
    if pattern.flags not in (re.UNICODE, re.ASCII) or _ONLY_PYTHONS.search(text):
        return []
    if how == "fullmatch":
        return [{"pattern": f"^(?:{text}){END}"}]
    if "$" in text:
        return []  # for Python also before a last newline
    return [{"pattern": text if how == "search" else f"^(?:{text})"}]


def _said(validator: SupportsSchema, where: str) -> dict[str, Any]:
    said: object = validator.schema_keywords
    if isinstance(said, Mapping):
        return dict(said)
    whose = f"{where}: schema_keywords of its validator {type(validator).__name__}"
    if callable(said):
        raise PluginError(f"{whose} is a method; write @property above its def")
    raise PluginError(
        f"{whose} is a {type(said).__name__}; return a dict of JSON Schema's keywords, such as "
        '{"minimum": 0}'
    )


def _are_plain(options: Any) -> bool:
    """Whether JSON can say them; a text's options are its substrings, which it cannot."""
    plain = None | bool | int | float | str
    return not isinstance(options, str) and all(isinstance(each, plain) for each in options)


def _with_none(keywords: dict[str, Any]) -> dict[str, Any]:
    return {**keywords, "enum": [*keywords["enum"], None]} if "enum" in keywords else keywords


def _number(bound: float | Fraction) -> float:
    if isinstance(bound, Fraction):
        return bound.numerator if bound.denominator == 1 else float(bound)
    return bound
