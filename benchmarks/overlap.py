"""What the files of a take cost: ``longtake generate`` beside the same take with nothing written.

    python benchmarks/overlap.py [--segments 10] [--pairs 5] [--steps 4] [--size larger]

Both sides load the same random checkpoint and roll the same segments in this process, in turns; one
of them writes an MP4 and the state after every segment. Each pair gives one ratio, of which the
median counts. The CPU seconds of both say what the files cost where no core is free.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import longtake as lt
from longtake.cli import main as longtake
from longtake_ltx2.tiny import LARGER, TINY, write_tiny_checkpoint

BUDGET = 1.03
HEIGHT, WIDTH, FRAMES = 128, 192, 49
PROMPT = "a lighthouse in the fog"
SIZES = {"tiny": TINY, "larger": LARGER}

Side = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--size", choices=SIZES, default="larger")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model"
        write_tiny_checkpoint(model, generation="2.0", size=SIZES[given.size])
        sides = written(model, given.segments, given.steps), alone(model, 1, given.steps)
        sides[1]()  # pays for imports and caches
        sides = sides[0], alone(model, given.segments, given.steps)
        pairs = [turn(sides, swapped=bool(number % 2)) for number in range(given.pairs)]
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"{given.size}, {HEIGHT}x{WIDTH}, {given.segments} segments of {FRAMES} frames")
    print(f"{cores} cores, load {load:.1f}, {given.pairs} pairs")
    for number, unit in enumerate(("s", "CPU s")):
        mine, other = (median(pair[side][number] for pair in pairs) for side in (0, 1))
        ratio = median(pair[0][number] / pair[1][number] for pair in pairs)
        print(f"with files {mine:.2f} {unit}, without {other:.2f} {unit}: {ratio:.3f}")
    print(f"budget {BUDGET} of the seconds")


def turn(sides: tuple[Side, Side], *, swapped: bool) -> tuple[tuple[float, float], ...]:
    """Seconds and CPU seconds of each side; who is first changes with every pair."""
    taken = {side: cost_of(side) for side in (sides[::-1] if swapped else sides)}
    return tuple(taken[side] for side in sides)


def cost_of(side: Side) -> tuple[float, float]:
    started, computed = time.perf_counter(), time.process_time()
    side()
    return time.perf_counter() - started, time.process_time() - computed


def written(model: Path, segments: int, steps: int) -> Side:
    """The take as the command line writes it."""
    size = ("--height", str(HEIGHT), "--width", str(WIDTH), "--num-frames", str(FRAMES))
    asked = ("--segments", str(segments), "--steps", str(steps), "--seed", "1", *size)

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            took = ("--model", str(model), "-o", f"{folder}/take.mp4")
            if code := longtake(("generate", PROMPT, *asked, *took)):
                raise SystemExit(code)

    return run


def alone(model: Path, segments: int, steps: int) -> Side:
    """The same segments and their end, of which nothing is kept."""
    sampling = lt.Sampling(
        seed=1, num_inference_steps=steps, num_frames=FRAMES, height=HEIGHT, width=WIDTH
    )

    def run() -> None:
        with lt.load(model) as pipeline:
            pipeline.prepare()
            session = lt.Session(pipeline, sampling=sampling)
            for _ in range(segments):
                session.extend(PROMPT)
            session.finish()

    return run


if __name__ == "__main__":
    main()
