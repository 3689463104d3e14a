"""What a segment costs late in a long take, beside one early in it: time and memory.

    python benchmarks/long_take_cost.py [--family pendulum] [--segments 200] [--rounds 20]

Takes go into an MP4, and the state behind every segment into a file. What the process holds and
what is written is compared between the last segments and the first ones. Seconds cannot be: on a
machine that others share a segment takes up to twice as long from one moment to the next, and some
pictures take the encoder longer. So the long take then goes on in turns with new ones, each from
the same state: the same segments again, in a session and a file that have few. ``--family ltx2`` is
the tiny random checkpoint.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from attrs import frozen

import longtake as lt

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Goal, Part, Told, at_most, cost, lone
from benchmarks.harness.figures import Sides
from benchmarks.harness.pairs import Pairs

PART = Part("long-take", "Late in a long take", "its first segments")

WARM = 10
"""Segments before those that are compared: caches fill, and the allocator settles."""
EDGE = 20
"""How many segments are the first ones, the last ones, and those of a round."""
BUDGET, BUDGET_OF_MEMORY = 1.03, 1.01
SIZES = {
    "pendulum": lt.Sampling(seed=1, height=64, width=64, num_frames=13),
    "ltx2": lt.Sampling(seed=1, num_inference_steps=2, height=64, width=64, num_frames=17),
}


@frozen
class Rolled:
    """One segment. ``seconds``: of CPU, ``kept_seconds`` of which it took to keep it.

    Behind it, of the process: ``resident`` bytes, and ``objects`` that gc follows.
    """

    seconds: float
    kept_seconds: float
    written: int
    resident: int
    objects: int


@frozen(eq=False)
class Take:
    """It grows in files of its own."""

    session: lt.Session
    writer: lt.TakeWriter
    folder: Path

    def roll(self) -> Rolled:
        """The next segment, made and kept."""
        started = time.process_time()
        result = self.session.extend("a swing")
        made = time.process_time()
        before = self._size()
        self.writer.append(result)
        state = self.folder / "state.json"
        assert result.state is not None
        state.write_text(result.state.to_json())
        kept = time.process_time()
        written = self._size() - before + state.stat().st_size
        del result
        gc.collect()
        return Rolled(kept - started, kept - made, written, resident(), len(gc.get_objects()))

    def _size(self) -> int:
        file = self.folder / "take.mp4"
        return file.stat().st_size if file.exists() else 0


@contextmanager
def begun(session: lt.Session, folder: Path) -> Iterator[Take]:
    """What ``session`` rolls from now on, in a new file."""
    folder.mkdir()
    with lt.TakeWriter(folder / "take.mp4") as writer:
        yield Take(session, writer, folder)


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--family", choices=sorted(SIZES), default="pendulum")
    parser.add_argument("--segments", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    PART.tell(figures(asked.family, asked.segments, asked.rounds), asked.json)


def figures(family: str, segments: int, rounds: int) -> Iterator[Told]:
    """Late / early of everything that is measured."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as ends:
        folder = Path(scratch)
        pipeline = ends.enter_context(opened(family, folder))
        session = lt.Session(pipeline, sampling=SIZES[family])
        take = ends.enter_context(begun(session, folder / "long"))
        rolled = [take.roll() for _ in range(segments)]
        turns = []
        for number in range(rounds):
            again = lt.Session(pipeline, state=session.state, sampling=SIZES[family])
            with begun(again, folder / f"{number}") as other:
                turns += [(take.roll(), other.roll()) for _ in range(WARM + EDGE)][WARM:]
    yield from of_turns(turns, f"{family}: segments behind {segments} others / the same behind few")
    compared = f"{family}: the last {EDGE} of {segments} segments / the first {EDGE}"
    yield from of_edges(rolled[-EDGE:], rolled[WARM:][:EDGE], compared)


def of_turns(turns: list[tuple[Rolled, Rolled]], compared: str) -> Iterator[Told]:
    """What segments take that are rolled in turns."""
    whole = Pairs([(late.seconds, early.seconds) for late, early in turns])
    yield cost("CPU time of a segment", compared, whole, at_most(BUDGET))
    kept = Pairs([(late.kept_seconds, early.kept_seconds) for late, early in turns])
    yield cost("CPU time to keep it", compared, kept)


def of_edges(last: list[Rolled], first: list[Rolled], compared: str) -> Iterator[Told]:
    """What was written and what is held: the least of it, as freed memory is given back late."""
    late, early = (median(each.written for each in edge) for edge in (last, first))
    yield beside("bytes written", compared, Sides(late, early, "bytes"))
    late, early = (min(each.resident for each in edge) for edge in (last, first))
    goal = at_most(BUDGET_OF_MEMORY)
    yield beside("resident memory", compared, Sides(late, early, "bytes"), goal)
    late, early = (min(each.objects for each in edge) for edge in (last, first))
    yield beside("objects of Python", compared, Sides(late, early, "objects"))


def beside(name: str, compared: str, sides: Sides, goal: Goal | None = None) -> Told:
    """Late / early."""
    return lone(name, compared, sides.ours / sides.other, "times", goal, sides=sides)


def opened(family: str, folder: Path) -> lt.Pipeline:
    if family != "ltx2":
        return lt.load(family=family)
    from longtake_ltx2.tiny import TINY, write_tiny_checkpoint

    write_tiny_checkpoint(folder / "model", generation="2.0", size=TINY)
    return lt.load(folder / "model", device="cpu")


def resident() -> int:
    """Of this process, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    main()
