"""What a segment costs late in a long take, beside one early in it: time and memory.

    python benchmarks/long_take_cost.py [--family pendulum] [--segments 200] [--edge 20]

Rolls a take into an MP4, writes the state after every segment, and compares the last segments with
the first ones behind a warm-up, by medians: CPU seconds of a segment and of keeping it, bytes
written, and the process's resident memory. ``--family ltx2`` is the tiny random checkpoint.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from attrs import frozen

import longtake as lt

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Goal, Part, Told, at_most, lone
from benchmarks.harness.figures import Sides

PART = Part("long-take", "Late in a long take", "its first segments")

WARM = 10
"""Segments before those that are compared: caches fill, and the allocator settles."""

FIGURES: dict[str, tuple[str, str, Goal | None]] = {
    "seconds": ("CPU time of a segment", "s", at_most(1.03)),
    "kept_seconds": ("CPU time to keep it", "s", None),
    "written": ("bytes written", "bytes", None),
    "resident": ("resident memory", "bytes", at_most(1.01)),
    "objects": ("objects of Python", "objects", None),
}
"""By the field of `Measured`: what it is called, its unit, and the goal of its ratio."""
SIZES = {
    "pendulum": lt.Sampling(seed=1, height=64, width=64, num_frames=13),
    "ltx2": lt.Sampling(seed=1, num_inference_steps=2, height=64, width=64, num_frames=17),
}


@frozen
class Measured:
    """One segment. ``seconds``: of CPU. ``resident``: bytes. ``objects``: that gc follows."""

    seconds: float
    kept_seconds: float
    written: int
    resident: int
    objects: int


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--family", choices=sorted(SIZES), default="pendulum")
    parser.add_argument("--segments", type=int, default=200)
    parser.add_argument("--edge", type=int, default=20)
    asked = parser.parse_args()
    PART.tell(figures(asked.family, asked.segments, asked.edge), asked.json)


def figures(family: str, segments: int, edge: int) -> Iterator[Told]:
    """Late / early of everything that is measured."""
    with tempfile.TemporaryDirectory() as scratch:
        take = rolled(family, segments, Path(scratch))
    edges = take[-edge:], take[WARM : WARM + edge]
    for field, (name, unit, goal) in FIGURES.items():
        late, early = (median(getattr(each, field) for each in one) for one in edges)
        compared = f"{family}: the last {edge} of {segments} segments / the first {edge}"
        sides = Sides(late, early, unit)
        yield lone(name, compared, late / early, "times", goal, sides=sides)


def rolled(family: str, segments: int, folder: Path) -> list[Measured]:
    """The take's segments, in their order."""
    with opened(family, folder) as pipeline, lt.TakeWriter(folder / "take.mp4") as writer:
        session = lt.Session(pipeline, sampling=SIZES[family])
        return [measured(session, writer, folder, segments) for _ in range(segments)]


def opened(family: str, folder: Path) -> lt.Pipeline:
    if family != "ltx2":
        return lt.load(family=family)
    from longtake_ltx2.tiny import TINY, write_tiny_checkpoint

    write_tiny_checkpoint(folder / "model", generation="2.0", size=TINY)
    return lt.load(folder / "model", device="cpu")


def measured(
    session: lt.Session, writer: lt.TakeWriter, folder: Path, num_segments: int
) -> Measured:
    """The next segment, made and kept."""
    started = time.process_time()
    result = session.extend("a swing", num_segments=num_segments)
    made = time.process_time()
    before = size_of(folder)
    writer.append(result)
    state = folder / "state.json"
    assert result.state is not None
    state.write_text(result.state.to_json())
    kept = time.process_time()
    written = size_of(folder) - before + state.stat().st_size
    del result
    gc.collect()
    return Measured(kept - started, kept - made, written, resident(), len(gc.get_objects()))


def size_of(folder: Path) -> int:
    take = folder / "take.mp4"
    return take.stat().st_size if take.exists() else 0


def resident() -> int:
    """Of this process, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    main()
