"""What fields refuse: one vocabulary of validators, each also in the words of JSON Schema.

A validator knows the value alone. Where the field is, is said in one place, `path_of`: its name,
below the ``PATH`` of its class where that is a part of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

from attrs import Attribute, frozen

from longtake.errors import ValidationError, shown

__all__ = [
    "Described",
    "SupportsSchema",
    "between",
    "finite",
    "integer_from",
    "is_a",
    "path_of",
    "positive_ratio",
    "tuple_of",
    "unique",
]

Problem = Callable[[Any], str | None]
"""What is wrong with a value, None when nothing is."""


@runtime_checkable
class SupportsSchema(Protocol):
    """Optional power of a validator: to say what it checks. None must pass it."""

    @property
    def schema_keywords(self) -> Mapping[str, Any]:
        """The keywords of JSON Schema (2020-12) that accept what the validator accepts."""
        ...


def path_of(instance: object, attribute: Attribute[Any]) -> str:
    """Where a field is: ``sampling.seed`` of a part of a request, else its name."""
    prefix = vars(type(instance)).get("PATH", "")
    return f"{prefix}.{attribute.name}" if prefix else attribute.name


@frozen
class Described:
    """A check in attrs' form, and what JSON Schema can say of it."""

    check: Callable[[Any, Attribute[Any], Any], None]
    schema_keywords: Mapping[str, Any]

    def __call__(self, instance: object, attribute: Attribute[Any], value: object) -> None:
        self.check(instance, attribute, value)


_NEVER_NONE = {"int", "float", "bool", "str", "bytes", "Fraction", int, float, bool, str, bytes}
"""Types of a field that cannot be None; also as text, as annotations are."""


def _validator(problem: Problem, keywords: Mapping[str, Any]) -> Described:
    """None passes where it is the default, and where the field's type leaves room for it."""

    def check(instance: object, attribute: Attribute[Any], value: Any) -> None:
        if value is None and (attribute.default is None or attribute.type not in _NEVER_NONE):
            return
        if found := problem(value):
            raise ValidationError(path_of(instance, attribute), found)

    return Described(check, keywords)


def _is_number(value: object, kinds: Any = int | float | Fraction) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _bounds(low: float, high: float | None) -> dict[str, float]:
    return {"minimum": low} if high is None else {"minimum": low, "maximum": high}


def _range(low: float, high: float | None) -> str:
    return f"at least {low}" if high is None else f"from {low} to {high}"


def between(low: float, high: float | None = None, *, unit: str = "") -> Described:
    """A number from ``low`` to ``high``, both included; no upper bound when None.

    ``unit``: what it counts, such as ``"seconds"``, for the message. None passes, except in a field
    whose type is a plain number. Raises `ValidationError` naming the field.
    """
    what = f"a number of {unit}" if unit else "a number"

    def problem(value: Any) -> str | None:
        if _is_number(value) and low <= value and (high is None or value <= high):
            return None
        return f"is {shown(value)}; must be {what} {_range(low, high)}"

    return _validator(problem, _bounds(low, high))


def integer_from(low: int, high: int | None = None) -> Any:
    """As `between`, of integers."""

    def problem(value: Any) -> str | None:
        if _is_number(value, int) and low <= value and (high is None or value <= high):
            return None
        return f"is {shown(value)}; must be an integer {_range(low, high)}"

    return _validator(problem, _bounds(low, high))


def unique() -> Described:
    """No item of a list twice; items are hashable. None passes.

    Raises `ValidationError` naming the field.
    """

    def problem(value: Any) -> str | None:
        twice = len(set(value)) != len(value)
        return f"is {shown(value)}; must be different values" if twice else None

    return _validator(problem, {"uniqueItems": True})


def is_a(*types: type, what: str) -> Any:
    """An instance of one of ``types``; a bool is no int. None if that is the default."""

    def check(instance: object, attribute: Attribute[Any], value: object) -> None:
        if value is None and attribute.default is None:
            return
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            problem = f"is {shown(value)}; must be {what}"
            raise ValidationError(path_of(instance, attribute), problem)

    return check


def tuple_of(item: type, *, at_most: int) -> Any:
    """A tuple of instances of ``item``, no more than ``at_most``."""

    def check(instance: object, attribute: Attribute[Any], value: object) -> None:
        path = path_of(instance, attribute)
        if not isinstance(value, tuple):
            raise ValidationError(path, f"is {shown(value)}; must be a tuple of {item.__name__}")
        if len(value) > at_most:
            raise ValidationError(path, f"has {len(value)} entries; at most {at_most} are taken")
        for index, each in enumerate(value):
            if not isinstance(each, item):
                raise ValidationError(
                    f"{path}[{index}]", f"is {shown(each)}; must be {item.__name__}"
                )

    return Described(check, {"maxItems": at_most})


_ABSURD = 1e6


def _ratio_problem(value: Any) -> str | None:
    if isinstance(value, Fraction) and 0 < value <= 1000:
        return None
    example = "e.g. 24 or '24000/1001'"
    given = shown(value)
    if isinstance(value, Fraction):
        given = str(value) if abs(value) < _ABSURD else "far too much"
    return f"is {given}; must be a rate of up to 1000 frames per second, {example}"


positive_ratio: Any = _validator(_ratio_problem, {"exclusiveMinimum": 0, "maximum": 1000})
"""A rate in frames per second."""


def _finite_problem(value: Any) -> str | None:
    is_finite = _is_number(value, int | float) and abs(value) < _ABSURD
    return None if is_finite else f"is {shown(value)}; must be a number"


finite: Any = _validator(_finite_problem, {"exclusiveMinimum": -1e6, "exclusiveMaximum": 1e6})
"""A number that is neither infinite nor absurd."""
