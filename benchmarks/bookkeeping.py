"""What the wiring, events and bookkeeping of a run cost: a family whose stages do nothing.

    python benchmarks/bookkeeping.py [--stages 8] [--runs 300] [--profile]

CPU microseconds of each further stage, four ways: with nobody told, with an observer, with a
follower as `longtake.roll` and the command line have one, and as a stream of events; and those of
a whole run as a share of a run of the tiny checkpoint. A stream's run and its reader are threads
that wait for each other at each stage: what that alone takes, which is the machine's, stands below.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from threading import Thread

import numpy as np

import longtake as lt
from longtake_ltx2.tiny import TINY, write_tiny_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Told, at_most, lone, spread

PART = Part("bookkeeping", "Bookkeeping of a run", "a run of the tiny checkpoint")

BUDGET_OF_STAGE, BUDGET_OF_RUN = 50.0, 0.5
"""Microseconds, and percent."""
ROUNDS = 9
FRAMES = np.zeros((1, 16, 16, 3), np.uint8)
REQUEST = lt.GenerationRequest("nothing happens")

Run = Callable[[], object]


class Empty:
    """A stage that does nothing."""

    def __call__(self, job: lt.Job, run: lt.Run) -> None:
        """Nothing."""


class Picture:
    """A stage that has its picture already."""

    def __call__(self, job: lt.Job) -> lt.Frames:
        return lt.Frames(FRAMES)


def family_of(stages: int) -> lt.ModelFamily:
    empty = (lt.StageSpec(f"empty-{number}", Empty) for number in range(stages - 1))
    defaults = {"seed": 1, "height": 16, "width": 16, "num_frames": 1, "fps": 24}
    return lt.ModelFamily("empty", (*empty, lt.StageSpec("picture", Picture)), defaults=defaults)


def ways(stages: int) -> dict[str, Run]:
    family = family_of(stages)
    quiet = lt.Pipeline(family)
    told = lt.Pipeline(family, observers=[lambda event: None])
    return {
        "nobody told": lambda: quiet.generate(REQUEST),
        "an observer": lambda: told.generate(REQUEST),
        "a follower": lambda: quiet.generate(REQUEST, follow=lambda event: None),
        "a stream": lambda: list(quiet.stream(REQUEST)),
    }


def microseconds(run: Run, runs: int) -> float:
    """CPU time of one run."""
    started = time.process_time()
    for _ in range(runs):
        run()
    return 1e6 * (time.process_time() - started) / runs


def tiny_microseconds() -> float:
    """CPU time of a run of the tiny checkpoint, as its preset has it."""
    with tempfile.TemporaryDirectory() as scratch:
        write_tiny_checkpoint(Path(scratch) / "model", generation="2.0", size=TINY)
        with lt.load(Path(scratch) / "model", device="cpu") as pipeline:
            return min(microseconds(lambda: pipeline.generate("a tram"), 1) for _ in range(3))


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--stages", type=int, default=8)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--profile", action="store_true", help="print what takes the time instead")
    asked = parser.parse_args()
    if asked.profile:
        profile(ways(asked.stages)["an observer"], asked.runs)
        return
    PART.tell(figures(asked.stages, asked.runs), asked.json)


def figures(stages: int, runs: int) -> Iterator[Told]:
    """Of each way to be told, a further stage and a whole run."""
    many, few = ways(stages), ways(1)
    for run in (*many.values(), *few.values()):
        run()  # what the first run alone pays for
    whole = tiny_microseconds()
    yield f"A run of the tiny checkpoint takes {whole / 1e3:.0f} ms of CPU."
    for way, run in many.items():
        pairs = [(microseconds(run, runs), microseconds(few[way], runs)) for _ in range(ROUNDS)]
        each = [(one - other) / (stages - 1) for one, other in pairs]
        compared = f"CPU time of {stages} empty stages less that of one, by stage"
        yield spread(f"{way}, a stage", compared, each, "us", at_most(BUDGET_OF_STAGE))
        share = 100 * median(one for one, _ in pairs) / whole
        compared = f"a run of {stages} empty stages / a run of the tiny checkpoint"
        yield lone(f"{way}, a run", compared, share, "%", at_most(BUDGET_OF_RUN))
    meetings = stages * runs
    each = [microseconds(lambda: meet(meetings), 1) / meetings for _ in range(ROUNDS)]
    yield spread("two threads that meet", "CPU time of a meeting, without Longtake", each, "us")


def meet(times: int) -> None:
    """Two threads wait for each other, as a stream's run and reader do."""
    there: SimpleQueue[None] = SimpleQueue()
    back: SimpleQueue[None] = SimpleQueue()

    def answer() -> None:
        for _ in range(times):
            there.get()
            back.put(None)

    other = Thread(target=answer)
    other.start()
    for _ in range(times):
        there.put(None)
        back.get()
    other.join()


def profile(run: Run, runs: int) -> None:
    watch = cProfile.Profile()
    watch.enable()
    for _ in range(runs):
        run()
    watch.disable()
    pstats.Stats(watch).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
