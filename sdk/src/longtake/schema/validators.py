"""What the fields of a request refuse, each with the path of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from attrs import Attribute, frozen

from longtake.errors import ValidationError

__all__ = [
    "Described",
    "finite",
    "integer_from",
    "is_a",
    "number_from",
    "positive_ratio",
    "tuple_of",
    "where",
]


@frozen
class Described:
    """A check, and what JSON Schema can say of it."""

    check: Callable[[Any, Attribute[Any], object], None]
    schema_keywords: Mapping[str, Any]

    def __call__(self, instance: Any, attribute: Attribute[Any], value: object) -> None:
        self.check(instance, attribute, value)


def where(instance: Any, attribute: Attribute[Any]) -> str:
    """The path of a field: the ``PATH`` of its class, and its name."""
    prefix = type(instance).PATH
    return f"{prefix}.{attribute.name}" if prefix else attribute.name


def integer_from(minimum: int, maximum: int | None = None) -> Any:
    """An integer that is no bool, from ``minimum`` to ``maximum``; None if that is the default."""
    bounds = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def check(instance: Any, attribute: Attribute[Any], value: object) -> None:
        if value is None and attribute.default is None:
            return
        wrong = isinstance(value, bool) or not isinstance(value, int)
        if wrong or value < minimum or (maximum is not None and value > maximum):  # type: ignore[operator]
            raise ValidationError(
                where(instance, attribute), f"is {value!r}; must be an integer {bounds}"
            )

    upper = {} if maximum is None else {"maximum": maximum}
    return Described(check, {"minimum": minimum, **upper})


def number_from(minimum: float, maximum: float, what: str = "") -> Any:
    """A number that is no bool, from ``minimum`` to ``maximum``; ``what`` it counts."""
    bounds = f"{what} from {minimum:g} to {maximum:g}".strip()

    def check(instance: Any, attribute: Attribute[Any], value: object) -> None:
        number = not isinstance(value, bool) and isinstance(value, int | float)
        if not number or not minimum <= value <= maximum:  # type: ignore[operator]
            raise ValidationError(
                where(instance, attribute), f"is {value!r}; must be a number {bounds}"
            )

    return Described(check, {"minimum": minimum, "maximum": maximum})


def is_a(*types: type, what: str) -> Any:
    """An instance of one of ``types``; a bool is no int. None if that is the default."""

    def check(instance: Any, attribute: Attribute[Any], value: object) -> None:
        if value is None and attribute.default is None:
            return
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise ValidationError(where(instance, attribute), f"is {value!r}; must be {what}")

    return check


def tuple_of(item: type, *, at_most: int) -> Any:
    """A tuple of instances of ``item``, no more than ``at_most``."""

    def check(instance: Any, attribute: Attribute[Any], value: object) -> None:
        path = where(instance, attribute)
        if not isinstance(value, tuple):
            raise ValidationError(path, f"is {value!r}; must be a tuple of {item.__name__}")
        if len(value) > at_most:
            raise ValidationError(path, f"has {len(value)} entries; at most {at_most} are taken")
        for index, each in enumerate(value):
            if not isinstance(each, item):
                raise ValidationError(f"{path}[{index}]", f"is {each!r}; must be {item.__name__}")

    return Described(check, {"maxItems": at_most})


def _is_positive_ratio(instance: Any, attribute: Attribute[Any], value: object) -> None:
    """A rate in frames per second; None if that is the default."""
    if value is None and attribute.default is None:
        return
    if not isinstance(value, Fraction) or not 0 < value <= 1000:
        raise ValidationError(
            where(instance, attribute),
            f"is {value}; must be a rate of up to 1000 frames per second, e.g. 24 or '24000/1001'",
        )


positive_ratio = Described(_is_positive_ratio, {"exclusiveMinimum": 0, "maximum": 1000})


def _is_finite(instance: Any, attribute: Attribute[Any], value: object) -> None:
    """A number that is neither infinite nor absurd, or None."""
    if value is None:
        return
    number = not isinstance(value, bool) and isinstance(value, int | float)
    if not number or not abs(value) < 1e6:  # type: ignore[arg-type]
        raise ValidationError(where(instance, attribute), f"is {value!r}; must be a number")


finite = Described(_is_finite, {"exclusiveMinimum": -1e6, "exclusiveMaximum": 1e6})
