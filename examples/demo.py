"""Roll takes of three segments and look at them: out/pendulum.mp4 and out/demo.mp4, with a .png.

The pendulums need no weights. LTX-2 has the tiny weights of longtake-ltx2-tiny, unless ``--model``
names a real checkpoint; then it alone is rolled. At the end each take is rolled again, every
segment by a process of its own from the state file of the one before; not with ``--once``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from attrs import asdict, frozen

import longtake as lt
from longtake.media.contact_sheet import SegmentView, contact_sheet

PROMPTS = (
    "a tram turns into a narrow street, its bell rings",
    "it stops, the doors open, people get off",
    "the street is empty again, rain begins to fall",
)

TOLD = ("a red square, slow", "it turns blue", "it goes on")
"""What the tiny weights have learned."""

PALETTES = ("dawn over the sea", "a forest at noon", "dusk")


@frozen
class Show:
    """A take to be rolled: ``model`` is a checkpoint folder, or ``-``."""

    family: str
    model: str
    prompts: tuple[str, ...]
    video: str
    preset: str | None = None

    def load(self) -> lt.Pipeline:
        model = None if self.model == "-" else self.model
        return lt.load(model, family=self.family, preset=self.preset)


@frozen(eq=False)
class Take:
    """What was rolled; ``end`` is the sound that was held back until then."""

    segments: tuple[lt.GenerationResult, ...]
    end: lt.GenerationResult


def main() -> None:
    arguments = parse_arguments()
    if arguments.next_segment:
        next_segment()
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    chosen = shows(arguments)
    takes = [shown(show) for show in chosen]
    if arguments.model is None:
        print("\nThese weights have learned circles, squares and triangles. With real ones:")
        print("    python3 -m nox -s demo -- --model path/to/LTX-2")
    if not arguments.once:
        roll_again(chosen, takes, ahead=arguments.model is None)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a checkpoint folder of LTX-2")
    parser.add_argument("--once", action="store_true", help="do not roll the takes again")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--next-segment", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def shows(arguments: argparse.Namespace) -> list[Show]:
    """The takes that were asked for."""
    video = str(arguments.out / "demo.mp4")
    if arguments.model is not None:
        return [Show("ltx2", str(arguments.model), PROMPTS, video)]
    from longtake_ltx2_tiny.weights import checkpoint

    return [
        Show("pendulum", "-", PALETTES, str(arguments.out / "pendulum.mp4")),
        Show("ltx2", str(checkpoint()), TOLD, video, "ltx2_shapes"),
    ]


def say(what: str) -> None:
    print(what, "...", flush=True)


def shown(show: Show) -> Take:
    """Roll a take and write it, its contact sheet beside it, and what it took."""
    say(f"\n{show.family}: {len(show.prompts)} segments in one process")
    with show.load() as pipeline:
        take = roll(pipeline, show.prompts)
    write_video(show.video, take)
    sheet = Path(show.video).with_suffix(".png")
    write_sheet(sheet, show.prompts, take)
    print(table(take.segments))
    print(f"{show.family}: {show.video} and {sheet}")
    return take


def roll(pipeline: lt.Pipeline, prompts: Sequence[str]) -> Take:
    """The segments, each from nothing but the JSON state of the one before, and the end."""
    state: lt.ContinuationState | None = None
    segments = []
    for prompt in prompts:
        session = lt.Session(pipeline, state=state)
        segments.append(session.extend(prompt))
        assert session.state is not None
        state = lt.ContinuationState.from_json(session.state.to_json())
    return Take(tuple(segments), lt.Session(pipeline, state=state).finish())


def write_video(path: str, take: Take) -> None:
    with lt.TakeWriter(path, overwrite=True) as writer:
        for part in (*take.segments, take.end):
            writer.append(part)
        writer.finish()


def write_sheet(path: Path, prompts: Sequence[str], take: Take) -> None:
    views = [
        SegmentView(each.frames[0], each.frames[-1], prompt, float(len(each.frames) / each.fps))
        for prompt, each in zip(prompts, take.segments, strict=True)
    ]
    parts = (*take.segments, take.end)
    sound = [part.audio for part in parts if part.audio is not None]
    audio = np.concatenate(sound, axis=1) if sound else None
    contact_sheet(views, audio=audio, sample_rate=take.segments[0].audio_sample_rate).save(path)


def table(segments: Sequence[lt.GenerationResult]) -> str:
    """Segment, frames, seconds of media, and milliseconds in each stage."""
    stages = list(segments[0].timings)
    rows = [["segment", "frames", "seconds", *(f"{stage} ms" for stage in stages)]]
    for number, segment in enumerate(segments, 1):
        times = [f"{1000 * segment.timings[stage]:.0f}" for stage in stages]
        seconds = f"{float(len(segment.frames) / segment.fps):.2f}"
        rows.append([str(number), str(len(segment.frames)), seconds, *times])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def roll_again(chosen: Sequence[Show], takes: Sequence[Take], *, ahead: bool = False) -> None:
    """Each segment once more, in a process of its own, from the state file of the one before.

    ``ahead``: the processes load their models all at once, and then wait for their turn.
    """
    count = len(chosen[0].prompts)
    processes: Iterable[subprocess.Popen[str]] = (started(chosen) for _ in range(count))
    processes = list(processes) if ahead else processes
    say(f"\nagain, by {count} processes that know nothing but the state file of the one before")
    print(f"{'':12}{'one process':37}{count} processes")
    print(f"{'':12}" + 2 * f"{'frames':18}{'sound':19}")
    same = True
    with tempfile.TemporaryDirectory() as scratch:
        for number, process in enumerate(processes):
            again = told_by(process, number, scratch)
            for show, take, other in zip(chosen, takes, again, strict=True):
                one = digests(take.segments[number])
                same &= one == other
                verdict = "equal" if one == other else "DIFFERENT"
                print(f"{show.family:8} {number + 1}  {one}   {other}   {verdict}", flush=True)
    if not same:
        sys.exit("the processes made another take")
    print(f"{count} processes made the takes that one process made, bit for bit.")


def started(chosen: Sequence[Show]) -> subprocess.Popen[str]:
    """A process that loads the models and then waits to be told what to roll."""
    command = [sys.executable, __file__, "--next-segment"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    print(json.dumps([asdict(show) for show in chosen]), file=process.stdin, flush=True)
    return process


def told_by(process: subprocess.Popen[str], number: int, folder: str) -> list[str]:
    """The digests that a process tells of segments ``number``, from the states in ``folder``."""
    told, _ = process.communicate(json.dumps([number, folder]))
    if process.returncode:
        sys.exit(f"process {number + 1} failed")
    return told.splitlines()


def next_segment() -> None:
    """In that process: the segment after the state in a file, which the state after it replaces."""
    shows = [Show(**fields) for fields in json.loads(sys.stdin.readline())]
    pipelines = [show.load() for show in shows]
    number, folder = json.loads(sys.stdin.readline())
    for show, pipeline in zip(shows, pipelines, strict=True):
        file = Path(folder, f"{show.family}.json")
        before = lt.ContinuationState.from_json(file.read_bytes()) if number else None
        with pipeline:
            session = lt.Session(pipeline, state=before)
            print(digests(session.extend(show.prompts[number])))
        assert session.state is not None
        file.write_text(session.state.to_json())


def digests(result: lt.GenerationResult) -> str:
    """The beginnings of the SHA-256 of all new frames, and of all new samples."""
    sound = b"" if result.audio is None else result.audio.tobytes()
    return "  ".join(sha256(data).hexdigest()[:16] for data in (result.frames.tobytes(), sound))


if __name__ == "__main__":
    main()
