"""A figure: a number, what is compared in it, how far it spread, and the goal that it has."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal

from attrs import frozen

from benchmarks.harness.pairs import Pairs


@frozen
class Goal:
    """A figure is good when it is at most, or at least, ``limit``."""

    side: Literal["at most", "at least"]
    limit: float

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.side == "at most" else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.side == 'at most' else '≥'} {number(self.limit)}"


def at_most(limit: float) -> Goal:
    return Goal("at most", limit)


def at_least(limit: float) -> Goal:
    return Goal("at least", limit)


@frozen
class Sides:
    """The medians of both sides of a comparison."""

    ours: float
    other: float
    unit: str

    def __str__(self) -> str:
        return f"{number(self.ours)} / {number(self.other)} {self.unit}"


@frozen
class Figure:
    """One number that a benchmark found.

    Args:
        name: What was measured.
        compared: With what, and how: ours / theirs, or whatever the number is made of.
        value: The number: where there are several ``samples``, their median.
        unit: Of the number; "times" of a ratio.
        lowest: Of the samples.
        highest: Of the samples.
        samples: How many there were.
        sides: What the ratio was made of.
        goal: What the number is to keep to; without one it is there to be read.
    """

    name: str
    compared: str
    value: float
    unit: str
    lowest: float
    highest: float
    samples: int = 1
    sides: Sides | None = None
    goal: Goal | None = None

    @property
    def verdict(self) -> str:
        """The goal, and whether it holds; nothing where there is none."""
        if self.goal is None:
            return ""
        return f"{self.goal}, {'holds' if self.goal.holds(self.value) else 'MISSED'}"

    @property
    def range(self) -> str:
        """From the lowest sample to the highest; nothing of a single one."""
        return "" if self.samples == 1 else f"{number(self.lowest)} to {number(self.highest)}"


def cost(name: str, compared: str, pairs: Pairs, goal: Goal | None = None) -> Figure:
    """Ours / the other: less is better."""
    return _ratio(name, compared, pairs, pairs.costs, goal)


def gain(name: str, compared: str, pairs: Pairs, goal: Goal | None = None) -> Figure:
    """The other / ours: more is better."""
    return _ratio(name, compared, pairs, pairs.gains, goal)


def lone(
    name: str,
    compared: str,
    value: float,
    unit: str,
    goal: Goal | None = None,
    *,
    sides: Sides | None = None,
) -> Figure:
    """A number that was found once: bytes, counts, what is computed and not measured."""
    return Figure(name, compared, value, unit, value, value, sides=sides, goal=goal)


def spread(
    name: str, compared: str, samples: Sequence[float], unit: str, goal: Goal | None = None
) -> Figure:
    """The median of ``samples``."""
    lowest, highest = min(samples), max(samples)
    value = median(samples)
    return Figure(name, compared, value, unit, lowest, highest, len(samples), goal=goal)


def _ratio(
    name: str, compared: str, pairs: Pairs, ratios: Sequence[float], goal: Goal | None
) -> Figure:
    return Figure(
        name,
        compared,
        median(ratios),
        "times",
        ratios[0],
        ratios[-1],
        len(ratios),
        Sides(1e3 * pairs.ours, 1e3 * pairs.other, "ms"),
        goal,
    )


def number(value: float) -> str:
    """With three digits that count, and no exponent."""
    if value == 0:
        return "0"
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{decimals}f}"
