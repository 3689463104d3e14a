"""The part runs on a family without weights, and tells what it promises."""

from __future__ import annotations

from benchmarks.harness import Figure
from benchmarks.session_cost import figures


def test_bytes_of_a_session_and_seconds_of_a_turn() -> None:
    told = [each for each in figures("pendulum", 3, 2, 1) if isinstance(each, Figure)]
    assert [each.name.partition(", ")[2] for each in told] == [
        "a further session",
        "its state as JSON",
        "turning, wall time",
        "turning, CPU time",
        "a turn",
    ]
    document, wall = told[1], told[2]
    assert document.value > 0
    assert wall.sides is not None and wall.sides.ours > 0
