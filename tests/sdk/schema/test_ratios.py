"""Frame rates are exact ratios, however they are written."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake.schema.ratios import as_ratio


@pytest.mark.parametrize(
    ("given_fps", "fps"),
    [
        (24, Fraction(24)),
        (25.0, Fraction(25)),
        ("25", Fraction(25)),
        ("25/1", Fraction(25)),
        ("50/2", Fraction(25)),
        (23.976, Fraction(23976, 1000)),
        ("24000/1001", Fraction(24000, 1001)),
        ("29.97", Fraction(2997, 100)),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
    ],
)
def test_a_frame_rate_is_an_exact_ratio(given_fps: Any, fps: Fraction) -> None:
    assert lt.Sampling(fps=given_fps).fps == fps


@given(st.integers(1, 10**9 - 1), st.integers(1, 10**9 - 1))
def test_a_ratio_survives_its_text(numerator: int, denominator: int) -> None:
    ratio = Fraction(numerator, denominator)
    assert as_ratio(str(ratio)) == ratio
    assert as_ratio(f"{numerator}/{denominator}") == ratio


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_decimal_digits_of_a_float_count(value: float) -> None:
    assert as_ratio(value) == Fraction(repr(value))


@pytest.mark.parametrize(
    "value",
    [
        "24/0",
        "24000/1001/1",
        "-24",
        "+24",
        " 24",
        "24\n",
        "2_4",
        "1e3",
        "1e999999999",
        "٢٤",
        "1" * 10,
        "24.",
        ".5",
        "",
        "nan",
        float("nan"),
        float("inf"),
        True,
        None,
        b"24",
        [24],
    ],
    ids=repr,
)
def test_anything_else_is_refused_at_once(value: object) -> None:
    with pytest.raises(ValueError, match=r"no number and no ratio|zero denominator"):
        as_ratio(value)
