"""What keeping a take costs: ``longtake generate`` and ``longtake sessions roll`` beside the same
segments with nothing written.

    python benchmarks/overlap.py [--segments 10] [--pairs 5] [--steps 4] [--size larger]

Both sides load the same random checkpoint and roll the same segments, in turns; one of them writes
an MP4 and the state after every segment, or commits each to a SQLite file, with its lossless part
and its state as blobs in files. Each runs in a process of its own, as a command does: threads in
which another side has computed would slow it. CPU seconds say what that costs where no core is
free.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import longtake as lt
from longtake.cli import main as longtake
from longtake_ltx2.tiny import LARGER, TINY, write_tiny_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Part, Told, at_most, cost, paired
from benchmarks.harness.pairs import Use

PART = Part("overlap", "Files of a take", "the same take with nothing written")

BUDGET = 1.03
HEIGHT, WIDTH, FRAMES = 128, 192, 49
PROMPT = "a lighthouse in the fog"
SIZES = {"tiny": TINY, "larger": LARGER}


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--segments", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--size", choices=SIZES, default="larger")
    asked = parser.parse_args()
    PART.tell(figures(asked.size, asked.segments, asked.steps, asked.pairs), asked.json)


def figures(size: str, segments: int, steps: int, pairs: int) -> Iterator[Told]:
    """Seconds, and then seconds of CPU."""
    import_what_runs_need()
    yield f"{size}, {HEIGHT}x{WIDTH}, {segments} segments of {FRAMES} frames, {steps} steps."
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model"
        apart(lambda: write_tiny_checkpoint(model, generation="2.0", size=SIZES[size]))()
        for name, ours, ends in (("generate", written, True), ("sessions roll", committed, False)):
            without = alone(model, segments, steps, ends=ends)
            sides = apart(ours(model, segments, steps)), apart(without)
            compared = (
                f"longtake {name} with its files / the same segments, of which nothing is kept"
            )
            wall = paired(*sides, pairs=pairs)
            yield cost(f"{name}, with files", compared, wall, at_most(BUDGET))
            cpu = paired(*sides, pairs=pairs, clock=cpu_seconds)
            yield cost(f"{name}, its CPU time", compared, cpu)


def import_what_runs_need() -> None:
    """Most of it, so that what is measured pays for Longtake alone. Nothing is computed here."""
    import av  # noqa: F401
    import diffusers  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401


def apart(use: Use) -> Use:
    """In a process that begins as this one is, which has imported much and computed nothing."""

    def run() -> None:
        process = multiprocessing.get_context("fork").Process(target=use)
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(process.exitcode)

    return run


def cpu_seconds() -> float:
    """Of the processes that are over."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def written(model: Path, segments: int, steps: int) -> Use:
    """The take as the command line writes it to a file."""
    return commanded(("generate", PROMPT), ("-o", "take.mp4"), model, segments, steps)


def committed(model: Path, segments: int, steps: int) -> Use:
    """The take as the command line commits it to a store."""
    store = ("--sessions", "sqlite:takes.db")
    return commanded(("sessions", "roll", "tram", PROMPT), store, model, segments, steps)


def commanded(
    what: tuple[str, ...], where: tuple[str, ...], model: Path, segments: int, steps: int
) -> Use:
    """The command in a new folder each time."""
    size = ("--height", str(HEIGHT), "--width", str(WIDTH), "--num-frames", str(FRAMES))
    asked = ("--segments", str(segments), "--steps", str(steps), "--seed", "1", *size)

    def run() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.chdir(folder),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            if code := longtake((*what, *asked, "--model", str(model), *where)):
                raise SystemExit(code)

    return run


def alone(model: Path, segments: int, steps: int, *, ends: bool) -> Use:
    """The same segments, of which nothing is kept; ``ends``: and their end."""
    sampling = lt.Sampling(
        seed=1, num_inference_steps=steps, num_frames=FRAMES, height=HEIGHT, width=WIDTH
    )

    def run() -> None:
        with lt.load(model) as pipeline:
            pipeline.prepare()
            session = lt.Session(pipeline, sampling=sampling)
            for _ in range(segments):
                session.extend(PROMPT)
            if ends:
                session.finish()

    return run


if __name__ == "__main__":
    main()
