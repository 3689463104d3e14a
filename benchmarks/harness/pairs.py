"""Two sides in turns: each pair gives one ratio, so that a busy machine slows both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from statistics import median

from attrs import field, frozen
from attrs.validators import min_len

Use = Callable[[], object]
"""What is timed."""

Clock = Callable[[], float]
"""Seconds since whenever: `time.perf_counter`, `time.process_time`, a network's own."""


def _nothing() -> None:
    """What is tidied where nothing is left behind."""


def seconds(use: Use, clock: Clock = time.perf_counter) -> float:
    """How long it takes, by ``clock``."""
    start = clock()
    use()
    return clock() - start


@frozen
class Pairs:
    """What each pair took: ``times`` are ours and the other side's, in seconds."""

    times: list[tuple[float, float]] = field(validator=min_len(1))

    @property
    def ours(self) -> float:
        """The median, in seconds."""
        return median(ours for ours, _ in self.times)

    @property
    def other(self) -> float:
        """The median, in seconds."""
        return median(other for _, other in self.times)

    @property
    def costs(self) -> list[float]:
        """Ours / the other, of each pair, ascending: less than 1 is cheaper."""
        return sorted(ours / other for ours, other in self.times)

    @property
    def gains(self) -> list[float]:
        """The other / ours, of each pair, ascending: more than 1 is faster."""
        return sorted(other / ours for ours, other in self.times)


def one_pair(index: int, ours: Use, other: Use, clock: Clock) -> tuple[float, float]:
    """Seconds of ours and of the other; who is first changes with every pair."""
    if index % 2:
        taken = seconds(ours, clock)
        return taken, seconds(other, clock)
    taken = seconds(other, clock)
    return seconds(ours, clock), taken


def in_turns(both: Iterable[tuple[Use, Use]], clock: Clock = time.perf_counter) -> Pairs:
    """Time both sides of each pair, which may be other work than that of the pair before."""
    return Pairs([one_pair(index, *sides, clock) for index, sides in enumerate(both)])


def paired(
    ours: Use,
    other: Use,
    *,
    pairs: int = 7,
    most: int | None = None,
    within: float = 0.0,
    tidy: Use = _nothing,
    clock: Clock = time.perf_counter,
) -> Pairs:
    """Time both sides ``pairs`` times in turns, after one run of each that pays for caches.

    With ``most``, as many pairs as take about ``within`` seconds, from ``pairs`` to ``most``.
    ``tidy`` runs after each pair and is not timed.
    """
    once = seconds(ours) + seconds(other)
    tidy()
    times = []
    for index in range(pairs if most is None else min(most, max(pairs, int(within / once)))):
        times.append(one_pair(index, ours, other, clock))
        tidy()
    return Pairs(times)
