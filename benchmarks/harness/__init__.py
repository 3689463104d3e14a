"""What every benchmark measures and tells with: pairs in turns, medians, goals, one kind of report.

A script names its part, yields figures, and is a command of its own::

    PART = Part("start-up", "Start-up", "bare starts of Python")

    def figures() -> Iterator[Told]:
        pairs = paired(ours, theirs)
        yield cost("longtake families", "the command / python -c pass", pairs, at_most(5))

    if __name__ == "__main__":
        PART.tell(figures(), PART.parser(__doc__).parse_args().json)

``python -m benchmarks`` runs the parts one by one and makes the documentation's pages of them.
"""

from benchmarks.harness.alone import alone
from benchmarks.harness.figures import (
    Figure,
    Goal,
    Sides,
    at_least,
    at_most,
    cost,
    gain,
    lone,
    spread,
)
from benchmarks.harness.pairs import Pairs, in_turns, paired, seconds
from benchmarks.harness.parts import Part, Told
from benchmarks.harness.slices import Sliced, sliced

__all__ = [
    "Figure",
    "Goal",
    "Pairs",
    "Part",
    "Sides",
    "Sliced",
    "Told",
    "alone",
    "at_least",
    "at_most",
    "cost",
    "gain",
    "in_turns",
    "lone",
    "paired",
    "seconds",
    "sliced",
    "spread",
]
