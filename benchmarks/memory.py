"""Peak memory of a segment beside diffusers' own pipeline, above what is there after loading.

Each side runs in a process of its own, once, on the larger random checkpoint. The number of steps
changes nothing of it.

    python benchmarks/memory.py [--height 512] [--width 768] [--num-frames 121]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

from longtake_ltx2.tiny import LARGER, Generation, write_tiny_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Goal, Part, Sides, Told, at_most, lone
from benchmarks.segment import GUIDANCE, SIDES, Asked

PART = Part("memory", "Peak memory", "diffusers' LTX2ConditionPipeline")

GOALS = {"none": 0.6, "all": 0.75}
"""Of each guidance mode: Longtake's peak / diffusers'."""

STEPS = 2
MIB = 2**20


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--num-frames", type=int, default=121)
    parser.add_argument("--guidance", nargs="+", choices=GUIDANCE, default=[*GOALS])
    parser.add_argument("--generations", nargs="+", choices=get_args(Generation))
    parser.add_argument("--peak", nargs=2, metavar=("SIDE", "CHECKPOINT"), help="measure one side")
    parser.set_defaults(generations=get_args(Generation))
    asked = parser.parse_args()
    size = (asked.height, asked.width, asked.num_frames)
    works = [Asked(guidance, STEPS, *size) for guidance in asked.guidance]
    if asked.peak:
        side, checkpoint = asked.peak
        print(peak_bytes(SIDES[side](Path(checkpoint), works[0])))
        return
    PART.tell(figures(asked.generations, works), asked.json)


def figures(generations: list[Generation], works: list[Asked]) -> Iterator[Told]:
    """One of each generation and guidance."""
    yield f"{works[0]}; larger random checkpoint, fp32, CPU."
    with tempfile.TemporaryDirectory() as scratch:
        for generation in generations:
            path = Path(scratch) / generation
            write_tiny_checkpoint(path, generation=generation, size=LARGER)
            for work in works:
                ours, other = (peak_of(side, path, work) / MIB for side in SIDES)
                yield lone(
                    f"{generation}, guidance {work.guidance}",
                    "peak resident memory above loading, Longtake / diffusers",
                    ours / other,
                    "times",
                    goal(work),
                    sides=Sides(ours, other, "MiB"),
                )


def goal(work: Asked) -> Goal | None:
    return at_most(GOALS[work.guidance]) if work.guidance in GOALS else None


def peak_of(side: str, path: Path, work: Asked) -> int:
    """Peak memory of one run in a process of its own, in bytes above what loading needed."""
    size = ["--height", work.height, "--width", work.width, "--num-frames", work.num_frames]
    options = [*size, "--guidance", work.guidance, "--peak", side, path]
    command = [sys.executable, __file__, *map(str, options)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def peak_bytes(run: Callable[[], Any]) -> int:
    """Peak resident memory of ``run`` above what is resident before it (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    """Bytes, by the field of the process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
