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
        ("share", -0.01, "is -0.01; must be a number from 0 to 1"),
        ("share", 1.01, "must be a number from 0 to 1"),
        ("share", float("nan"), "must be a number from 0 to 1"),
        ("share", True, "must be a number from 0 to 1"),
        ("share", "1", "must be a number from 0 to 1"),
        ("count", 0, "is 0; must be a number at least 1"),
        ("rate", Fraction(-1, 2), "must be a number from 0 to 1000"),
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


@pytest.mark.parametrize("strength", [0, 0.0, 0.5, 1, 1.0])
def test_a_number_may_be_at_its_bounds(strength: float) -> None:
    assert lt.ImageInput(b"fog", strength=strength).strength == strength


@pytest.mark.parametrize(
    "strength", [-0.001, 1.001, float("nan"), float("inf"), True, "1", None, 1j, [1]]
)
def test_a_number_out_of_its_bounds_is_told_with_them(strength: float) -> None:
    with pytest.raises(lt.ValidationError, match=r"^strength: is .*; must be a number from 0 to 1"):
        lt.ImageInput(b"fog", strength=strength)


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_an_integer_may_be_at_its_bounds(seed: int) -> None:
    assert lt.Sampling(seed=seed).seed == seed


@pytest.mark.parametrize("fps", [Fraction(1, 1000), 1000])
def test_a_rate_may_be_small_and_large(fps: Fraction) -> None:
    assert lt.Sampling(fps=fps).fps == fps


def test_the_path_of_a_part_begins_with_its_place_in_the_request() -> None:
    with pytest.raises(lt.ValidationError, match=r"^sampling\.height: is 0"):
        lt.Sampling(height=0)
    with pytest.raises(lt.ValidationError, match=r"^inputs\.clips\[1\]: is .* ClipInput"):
        lt.Inputs(clips=(lt.ClipInput(b"a"), lt.ImageInput(b"b")))  # type: ignore[arg-type]


@frozen
class Plain:
    share: float = field(default=0.5, validator=lt.between(0, 1))
    seconds: float | None = field(default=1.0, validator=lt.between(0, 9, unit="seconds"))


def test_none_passes_where_the_type_leaves_room_for_it() -> None:
    assert Plain(seconds=None).seconds is None
    with pytest.raises(lt.ValidationError, match=r"^share: is None; must be a number from 0 to 1$"):
        Plain(share=None)  # type: ignore[arg-type]


def test_what_a_number_counts_is_said() -> None:
    with pytest.raises(lt.ValidationError, match=r"must be a number of seconds from 0 to 9$"):
        Plain(seconds=10)
