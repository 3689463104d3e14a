"""Validators that a schema can say too: what they refuse, and how."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from attrs import field, frozen

import longtake as lt
from longtake.schema.wire import structure


@frozen(kw_only=True)
class Options:
    share: float | None = field(default=None, validator=lt.between(0, 1))
    count: int = field(default=1, validator=lt.between(1))
    rate: Fraction = field(default=Fraction(1), validator=lt.between(0, 1000))
    blocks: tuple[int, ...] | None = field(default=None, validator=lt.unique())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"share": 0},
        {"share": 1.0},
        {"share": None},
        {"count": 10**9},
        {"rate": Fraction(24000, 1001)},
        {"blocks": ()},
        {"blocks": (1, 2)},
    ],
)
def test_what_is_within_the_bounds_is_kept(values: dict[str, Any]) -> None:
    options = Options(**values)
    for name, value in values.items():
        assert getattr(options, name) == value


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("share", -0.01, "is -0.01; must be from 0 to 1"),
        ("share", 1.01, "must be from 0 to 1"),
        ("share", float("nan"), "must be from 0 to 1"),
        ("share", True, "must be from 0 to 1"),
        ("share", "1", "must be from 0 to 1"),
        ("count", 0, "is 0; must be at least 1"),
        ("rate", Fraction(-1, 2), "must be from 0 to 1000"),
        ("blocks", (3, 4, 3), "is (3, 4, 3); must be different values"),
    ],
)
def test_what_is_not_is_refused_with_the_name_of_the_field(
    name: str, value: Any, problem: str
) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        Options(**{name: value})
    assert refused.value.path == name
    assert problem in refused.value.problem


def test_a_document_is_refused_with_the_whole_path() -> None:
    with pytest.raises(lt.ValidationError) as refused:
        structure({"blocks": [1, 1]}, Options, path="stage_overrides.denoise")
    assert refused.value.path == "stage_overrides.denoise.blocks"


def test_they_say_what_they_check() -> None:
    for validator, keywords in [
        (lt.between(0, 1), {"minimum": 0, "maximum": 1}),
        (lt.between(2), {"minimum": 2}),
        (lt.unique(), {"uniqueItems": True}),
    ]:
        assert isinstance(validator, lt.SupportsSchema)
        assert validator.schema_keywords == keywords
