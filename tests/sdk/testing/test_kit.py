"""What the contracts are made of: random states, what hangs, what is the same, leaked stores."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from attrs import field, frozen
from hypothesis import given, settings

import longtake as lt
from longtake.testing.codecs.comparing import same
from longtake.testing.codecs.strategies import states_of
from longtake.testing.families.nonsense import nonsense_for
from longtake.testing.hanging import each_in_time, in_time
from longtake.testing.leaks import open_ones


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


SAME = [
    (1, 1),
    (float("nan"), float("nan")),
    ([1, 2], (1, 2)),
    ({"a": np.arange(3)}, {"a": np.arange(3)}),
    (torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16)),
    (np.array([np.nan]), np.array([np.nan])),
    (b"x", b"x"),
]
DIFFERENT = [
    (1, 1.0),
    (1, True),
    (1, 2),
    ([1], [1, 2]),
    ({"a": 1}, {"b": 1}),
    (np.arange(3), np.arange(3.0)),
    (np.arange(3), np.arange(4)),
    (torch.ones(2), torch.ones(2, dtype=torch.bfloat16)),
    (torch.zeros(2), torch.ones(2)),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_is_the_same(one: object, other: object) -> None:
    assert same(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_differs_is_not_the_same(one: object, other: object) -> None:
    assert not same(one, other)


def test_what_hangs_fails_and_says_at_what() -> None:
    forever = threading.Event()
    with pytest.raises(pytest.fail.Exception, match=r"second: still at it after 0\.05 seconds"):
        each_in_time(["first", "second"], _hang_at("second", forever), 0.05)
    forever.set()


def _hang_at(name: str, forever: threading.Event) -> Any:
    def check(item: str) -> None:
        if item == name:
            forever.wait()

    return check


def test_what_is_raised_in_time_is_raised() -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        in_time(fail, lambda: "failing")


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


class Unclosable:
    """A store that has nothing to close."""

    def put(self, data: Any, *, mime: str = "") -> str:
        return ""

    def get(self, blob_id: str) -> bytes:
        return b""

    def drop(self, blob_id: str) -> None:
        """Nothing to forget."""

    def __contains__(self, blob_id: object) -> bool:
        return False


def test_only_stores_that_can_be_closed_leak() -> None:
    store: Any = lt.open_blob_store("memory:")
    assert open_ones([Unclosable(), store]) == ["<MemoryBlobStore, 0 blobs>"]
    store.close()
    assert open_ones([store]) == []
