"""Seconds become segments: as few as can be, none of them short, together as long as asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt

pytest.importorskip("longtake_serve")

from longtake_serve.openai.lengths import segment_lengths
from longtake_serve.takes.limits import LimitExceeded


def by_eights(num_frames: int) -> int:
    """A family that makes 8k + 1 frames."""
    return (num_frames - 1) // 8 * 8 + 1


def any_length(num_frames: int) -> int:
    return num_frames


def added(lengths: list[int], before: int, overlap: int) -> list[int]:
    """New frames of each."""
    return [each - (overlap if i else before) for i, each in enumerate(lengths)]


@pytest.mark.parametrize(
    ("wanted", "before", "lengths"),
    [
        (69, 0, [69]),
        (60, 9, [69]),
        (120, 0, [60, 69]),
        (240, 9, [69, 69, 69, 69]),
        (70, 0, [35, 44]),
        (1, 0, [1]),
        (1, 9, [10]),
    ],
)
def test_a_preset_of_69_frames(wanted: int, before: int, lengths: list[int]) -> None:
    found = segment_lengths(wanted, longest=69, before=before, overlap=9, most=16, fit=any_length)
    assert found == lengths
    assert sum(added(found, before, 9)) == wanted


@pytest.mark.parametrize(
    ("wanted", "before", "lengths"),
    [(96, 0, [97]), (100, 0, [97]), (101, 0, [105]), (192, 0, [97, 105]), (3, 9, [17])],
)
def test_a_family_that_makes_certain_lengths(wanted: int, before: int, lengths: list[int]) -> None:
    found = segment_lengths(wanted, longest=121, before=before, overlap=9, most=16, fit=by_eights)
    assert found == lengths


@given(
    wanted=st.integers(1, 2000),
    longest=st.integers(3, 20).map(lambda k: 8 * k + 1),
    before=st.sampled_from([0, 1, 9, 17]),
    overlap=st.sampled_from([0, 1, 9, 17]),
)
def test_together_they_are_as_long_as_asked(
    wanted: int, longest: int, before: int, overlap: int
) -> None:
    found = segment_lengths(
        wanted, longest=longest, before=before, overlap=overlap, most=10_000, fit=any_length
    )
    assert sum(added(found, before, overlap)) == wanted
    assert max(found) <= longest
    assert min(added(found, before, overlap)) >= 1
    fitted = segment_lengths(
        wanted, longest=longest, before=before, overlap=overlap, most=10_000, fit=by_eights
    )
    assert all(by_eights(each) == each <= longest for each in fitted)
    assert min(added(fitted, before, overlap)) >= 1
    assert abs(sum(added(fitted, before, overlap)) - wanted) <= 8


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="make 17 segments; at most 16"):
        segment_lengths(17, longest=2, before=1, overlap=1, most=16, fit=any_length)
    for before, overlap in ((9, 0), (0, 9)):
        with pytest.raises(lt.ValidationError) as refused:
            segment_lengths(30, longest=9, before=before, overlap=overlap, most=16, fit=any_length)
        assert refused.value.path == "sampling.num_frames"
    assert segment_lengths(9, longest=9, before=0, overlap=9, most=16, fit=any_length) == [9]
