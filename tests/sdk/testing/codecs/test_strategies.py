"""Random states are within the bounds that their class says."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest
from attrs import field, frozen
from hypothesis import given, settings

import longtake as lt
from longtake.testing.codecs.strategies import states_of


@frozen
class Bounded:
    count: int = field(validator=lt.between(3, 5))
    share: float = field(validator=[attrs.validators.gt(0), attrs.validators.lt(1)])
    fps: Fraction = field(validator=lt.between(1, 60))
    sizes: tuple[int, int]
    names: list[str] = field(validator=[attrs.validators.min_len(2), lt.unique()])
    mode: str | None = field(validator=attrs.validators.optional(attrs.validators.in_(("a", "b"))))


@settings(deadline=None, max_examples=50)
@given(states_of(Bounded))
def test_states_are_within_the_bounds_of_their_fields(state: Bounded) -> None:
    assert 3 <= state.count <= 5
    assert 0 < state.share < 1
    assert 1 <= state.fps <= 60
    assert len(set(state.names)) == len(state.names) >= 2
    assert state.mode in (None, "a", "b")


def test_of_a_class_that_holds_arrays_there_are_no_states() -> None:
    @frozen
    class Holding:
        array: np.ndarray[Any, Any]

    with pytest.raises(lt.PluginError, match="no schema"):
        states_of(Holding)
