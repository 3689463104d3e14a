"""A stopwatch says how long its block took, once that is over."""

from __future__ import annotations

import pytest

from longtake.runs.stopwatch import Stopwatch


def test_it_tells_nothing_before_its_block_is_over() -> None:
    with Stopwatch() as watch:
        assert watch.seconds == 0
    assert watch.seconds > 0


def test_it_tells_the_time_of_a_block_that_failed() -> None:
    watch = Stopwatch()
    with pytest.raises(KeyError), watch:
        raise KeyError
    assert watch.seconds > 0
