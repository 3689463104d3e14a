"""A part's chart: a bar for each figure, the range of its samples, and its goal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from benchmarks.harness.figures import Figure, number
from benchmarks.harness.parts import Measured

HELD, MISSED, READ = "#3b7a57", "#b3402a", "#6b7a8f"
"""Colours of figures that keep to their goal, that do not, and that have none."""

PLAIN: Any = {"svg.hashsalt": "longtake", "svg.fonttype": "path", "font.size": 8}
"""Equal figures give equal files."""

WIDE = 50.0
"""How often the largest value may hold the smallest before the axis counts powers of ten."""


def draw(measured: Measured, path: Path) -> None:
    """Write the SVG; of each unit one plot, as different units have no common axis."""
    units = {
        figure.unit: [each for each in measured.figures if each.unit == figure.unit]
        for figure in measured.figures
    }
    rows = [len(figures) for figures in units.values()]
    with matplotlib.rc_context(PLAIN):
        height = 0.26 * sum(rows) + 0.8 * len(rows)
        canvas = Canvas(figsize=(8, height), layout="constrained")
        plots = canvas.subplots(len(rows), 1, squeeze=False, height_ratios=[n + 1 for n in rows])
        for plot, (unit, figures) in zip(plots[:, 0], units.items(), strict=True):
            _bars(plot, unit, figures)
        canvas.savefig(path, format="svg", metadata={"Date": None})


def _bars(plot: Axes, unit: str, figures: Sequence[Figure]) -> None:
    places = range(len(figures))
    values = [figure.value for figure in figures]
    plot.barh(places, values, color=[_colour(figure) for figure in figures], height=0.6)
    for place, figure in zip(places, figures, strict=True):
        if figure.samples > 1:
            plot.plot([figure.lowest, figure.highest], [place, place], color="#222222", lw=0.8)
        if figure.goal is not None:
            plot.plot([figure.goal.limit] * 2, [place - 0.4, place + 0.4], color="#222222", lw=1.6)
        plot.annotate(
            number(figure.value),
            (max(figure.value, figure.highest), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    if min(values) > 0 and max(values) > WIDE * min(values):
        plot.set_xscale("log")
    plot.set_yticks(places, [figure.name for figure in figures])
    plot.invert_yaxis()
    plot.margins(x=0.12)
    plot.set_xlabel({"times": "times; a stroke marks the goal"}.get(unit, unit))
    plot.spines[["top", "right"]].set_visible(False)


def _colour(figure: Figure) -> str:
    if figure.goal is None:
        return READ
    return HELD if figure.goal.holds(figure.value) else MISSED
