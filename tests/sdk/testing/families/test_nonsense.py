"""Nonsense for a field is what the strict converter refuses."""

from __future__ import annotations

from fractions import Fraction

import attrs
import pytest
from attrs import field, frozen

import longtake as lt
from longtake.testing.families.nonsense import nonsense_for


@frozen
class Options:
    steps: int = field(default=1, validator=lt.between(1, 9))
    scale: float = 1.0
    mode: str = field(default="a", validator=attrs.validators.in_(("a", "b")))
    on: bool = True
    sizes: list[int] = field(factory=list)
    note: str | None = None
    fps: Fraction = Fraction(24)


@pytest.mark.parametrize("name", [each.name for each in attrs.fields(Options)])
def test_nonsense_is_what_the_strict_converter_refuses(name: str) -> None:
    schema = lt.json_schema(Options)["properties"][name]
    values = list(nonsense_for(schema))
    assert values
    for value in values:
        with pytest.raises(lt.ValidationError):
            lt.structure({name: value}, Options)
