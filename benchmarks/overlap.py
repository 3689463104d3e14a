"""What keeping a take costs: ``longtake generate`` and ``longtake sessions roll`` beside the same
segments with nothing written.

    python benchmarks/overlap.py [--work base distilled] [--segments 10] [--pairs 3] [--size larger]

Both sides load the same random checkpoint and roll the same segments, in turns; one of them writes
an MP4 and the state after every segment, or commits each to a SQLite file, with its lossless part
and its state as blobs in files. The steps are those of published presets: forty of four passes, as
``ltx2_base``, and eight of one pass, as ``ltx2_distilled``, the least that any has. Pictures of
random weights are noise, which takes the encoder twice as long as what was learned.

Each side runs in a process of its own, as a command does: threads in which another side has
computed would slow it. CPU seconds say what files cost where no core is free.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

import longtake as lt
from longtake.cli import main as longtake
from longtake_ltx2.tiny import LARGER, TINY, write_tiny_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Pairs, Part, Told, at_most, cost, paired
from benchmarks.harness.pairs import Use

PART = Part("overlap", "Files of a take", "the same take with nothing written")

BUDGET = 1.03
HEIGHT, WIDTH, FRAMES = 128, 192, 49
PROMPT = "a lighthouse in the fog"
SIZES = {"tiny": TINY, "larger": LARGER}


@frozen
class Work:
    """What is rolled. ``preset``: None for the checkpoint's own, which has four passes a step."""

    what: str
    steps: int
    preset: str | None = None


WORKS: Mapping[str, Work] = {
    "base": Work("40 steps of four passes", 40),
    "distilled": Work("8 steps of one pass", 8, "ltx2_distilled"),
}


def main() -> None:
    parser = PART.parser(__doc__)
    parser.add_argument("--segments", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--work", nargs="+", choices=WORKS, default=[*WORKS])
    parser.add_argument("--size", choices=SIZES, default="larger")
    asked = parser.parse_args()
    works = [WORKS[name] for name in asked.work]
    PART.tell(figures(asked.size, asked.segments, works, asked.pairs), asked.json)


def figures(size: str, segments: int, works: list[Work], pairs: int) -> Iterator[Told]:
    """Of each work and command seconds, and seconds of CPU."""
    import_what_runs_need()
    yield f"{size}, {HEIGHT}x{WIDTH}, {segments} segments of {FRAMES} frames."
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model"
        Apart(lambda: write_tiny_checkpoint(model, generation="2.0", size=SIZES[size]))()
        for work in works:
            for name, ours, ends in (
                ("generate", written, True),
                ("sessions roll", committed, False),
            ):
                without = Apart(alone(model, segments, work, ends=ends))
                keeping = Apart(ours(model, segments, work))
                compared = (
                    f"longtake {name} with its files / the same segments, of which nothing is kept"
                )
                wall = paired(keeping, without, pairs=pairs)
                yield cost(f"{name}, {work.what}", compared, wall, at_most(BUDGET))
                cpu = Pairs(list(zip(keeping.cpu[1:], without.cpu[1:], strict=True)))
                yield cost(f"{name}, {work.what}, CPU time", compared, cpu)


def import_what_runs_need() -> None:
    """Most of it, so that what is measured pays for Longtake alone. Nothing is computed here."""
    import av  # noqa: F401
    import diffusers  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401


class Apart:
    """A use in a process that begins as this one is, which has imported much, computed nothing."""

    def __init__(self, use: Use) -> None:
        self.use = use
        self.cpu: list[float] = []
        """Seconds of CPU that each took."""

    def __call__(self) -> None:
        before = _cpu_of_children()
        process = multiprocessing.get_context("fork").Process(target=self.use)
        process.start()
        process.join()
        self.cpu.append(_cpu_of_children() - before)
        if process.exitcode:
            raise SystemExit(process.exitcode)


def _cpu_of_children() -> float:
    """Seconds, of the processes that are over."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def written(model: Path, segments: int, work: Work) -> Use:
    """The take as the command line writes it to a file."""
    return commanded(("generate", PROMPT), ("-o", "take.mp4"), model, segments, work)


def committed(model: Path, segments: int, work: Work) -> Use:
    """The take as the command line commits it to a store."""
    store = ("--sessions", "sqlite:takes.db")
    return commanded(("sessions", "roll", "tram", PROMPT), store, model, segments, work)


def commanded(
    what: tuple[str, ...], where: tuple[str, ...], model: Path, segments: int, work: Work
) -> Use:
    """The command in a new folder each time."""
    size = ("--height", str(HEIGHT), "--width", str(WIDTH), "--num-frames", str(FRAMES))
    preset = () if work.preset is None else ("--preset", work.preset)
    steps = ("--steps", str(work.steps), *preset)
    asked = ("--segments", str(segments), *steps, "--seed", "1", *size)

    def run() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.chdir(folder),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            if code := longtake((*what, *asked, "--model", str(model), *where)):
                raise SystemExit(code)

    return run


def alone(model: Path, segments: int, work: Work, *, ends: bool) -> Use:
    """The same segments, of which nothing is kept; ``ends``: and their end."""
    sampling = lt.Sampling(
        seed=1, num_inference_steps=work.steps, num_frames=FRAMES, height=HEIGHT, width=WIDTH
    )

    def run() -> None:
        with lt.load(model, preset=work.preset) as pipeline:
            pipeline.prepare()
            session = lt.Session(pipeline, sampling=sampling)
            for _ in range(segments):
                session.extend(PROMPT)
            if ends:
                session.finish()

    return run


if __name__ == "__main__":
    main()
