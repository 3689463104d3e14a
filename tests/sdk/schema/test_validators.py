"""Bounds of a request's fields are inclusive, and what is out of them is told with the bounds."""

from __future__ import annotations

from fractions import Fraction

import pytest

import longtake as lt


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
