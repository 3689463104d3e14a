"""What keeping a take costs: ``longtake generate`` and ``longtake sessions roll`` beside the same
segments with nothing written.

    python benchmarks/overlap.py [--work base distilled] [--segments 10] [--pairs 3] [--size larger]

Both sides load the same random checkpoint and roll the same segments, whose progress is heard; one
of them writes an MP4 and the state after every segment, or commits each to a SQLite file, with its
lossless part and its state as blobs in files. The steps are those of published presets: forty of
four passes, as ``ltx2_base``, and eight of one pass, as ``ltx2_distilled``, the least that any has:
of so small a network the decoders then take most of the time.
Pictures of random weights are noise, which takes the encoder twice as long as what was learned.

Each side runs in a process of its own, as a command does: threads in which another side has
computed would slow it. The two processes take turns of half a second, because the same take, alone
on a machine that others share, takes 8 % more or less from one minute to the next. CPU seconds say
what files cost where no core is free.
"""

from __future__ import annotations

import contextlib
import gc
import io
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from attrs import frozen

import longtake as lt
from longtake.cli import main as longtake
from longtake_ltx2.tiny import LARGER, TINY, TinySize, write_tiny_checkpoint

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Goal, Part, Told, at_most, cost, sliced
from benchmarks.harness.pairs import Use

PART = Part("overlap", "Files of a take", "the same take with nothing written")

BUDGET = 1.03
HEIGHT, WIDTH, FRAMES = 128, 192, 49
PROMPT = "a lighthouse in the fog"
SIZES = {"tiny": TINY, "larger": LARGER}


@frozen
class Work:
    """What is rolled. ``preset``: None for the checkpoint's own, which has four passes a step.

    ``goal``: where the transformer takes most of the time, as it does at the real size.
    """

    what: str
    steps: int
    preset: str | None = None
    goal: Goal | None = None


WORKS: Mapping[str, Work] = {
    "base": Work("40 steps of four passes", 40, goal=at_most(BUDGET)),
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
        written_apart(model, SIZES[size])
        for work in works:
            for name, ours, ends in (
                ("generate", written, True),
                ("sessions roll", committed, False),
            ):
                without = alone(model, segments, work, ends=ends)
                found = sliced(ours(model, segments, work), without, pairs=pairs)
                compared = (
                    f"longtake {name} with its files / the same segments, of which nothing is kept"
                )
                yield cost(f"{name}, {work.what}", compared, found.wall, work.goal)
                yield cost(f"{name}, {work.what}, CPU time", compared, found.cpu)


def import_what_runs_need() -> None:
    """Most of it, so that what is measured pays for Longtake alone. Nothing is computed here.

    What imports have made is left out of garbage collections, as commands leave it.
    """
    import av  # noqa: F401
    import diffusers  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401

    gc.freeze()


def written_apart(model: Path, size: TinySize) -> None:
    """Write the checkpoint in a process of its own: to make it is to compute."""
    write = partial(write_tiny_checkpoint, model, generation="2.0", size=size)
    process = multiprocessing.get_context("fork").Process(target=write)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


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
    """The same segments, heard but not kept; ``ends``: and their end."""
    sampling = lt.Sampling(
        seed=1, num_inference_steps=work.steps, num_frames=FRAMES, height=HEIGHT, width=WIDTH
    )

    def run() -> None:
        output, live = lt.Output(last=False, return_state=True), None
        request = lt.GenerationRequest(PROMPT, sampling=sampling, output=output)
        with lt.load(model, preset=work.preset) as pipeline:
            pipeline.prepare()
            for _ in range(segments):
                result = pipeline.generate(
                    request,
                    after=live,
                    follow=lambda _: None,
                    defer_state=True,
                    num_segments=segments,
                )
                live = result.live_state
            if ends and live is not None:
                pipeline.finish(live)

    return run


if __name__ == "__main__":
    main()
