"""A segment that goes on does the same work as the stock pipeline's: not how fast it does."""

from __future__ import annotations

from benchmarks import against_stock
from benchmarks.harness import Figure
from benchmarks.segment import Asked
from longtake_ltx2.tiny import TINY


def test_both_sides_do_the_same_work() -> None:
    work = against_stock.Setting(TINY, (Asked("all", 2, 64, 96, 25),), "take")
    told = against_stock.figures(["2.3"], {"table": work}, ["all"], None, 1)
    figures = {each.name: each for each in told if isinstance(each, Figure)}
    case = "table, 2.3, four passes, take"
    ratio = figures[case]
    assert ratio.unit == "times" and ratio.goal is not None and ratio.goal.limit == 1.05
    assert figures[f"{case}, CPU"].value > 0
    assert 0 < figures[f"{case}, transformer"].value < 100
    for stream in ("video", "audio"):
        error = figures[f"{case}, {stream}"]
        assert error.value > 0 and error.verdict.endswith("holds")
