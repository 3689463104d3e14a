"""Roll three segments of a take and look at them: out/pendulum.mp4 and out/demo.mp4, with a .png.

The pendulums need no weights. LTX-2 has a tiny checkpoint with random weights, made on the spot,
unless ``--model`` names a real one; then it alone is rolled.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import longtake as lt
from longtake.media.contact_sheet import SegmentView, contact_sheet
from longtake.media.writer import TakeWriter
from longtake_ltx2.tiny import write_tiny_checkpoint

PROMPTS = (
    "a tram turns into a narrow street, its bell rings",
    "it stops, the doors open, people get off",
    "the street is empty again, rain begins to fall",
)

PALETTES = ("dawn over the sea", "a forest at noon", "dusk")


def main() -> None:
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.model is not None:
        show(lt.load(arguments.model), arguments.out / "demo.mp4", PROMPTS)
        return
    show(lt.load(family="pendulum"), arguments.out / "pendulum.mp4", PALETTES)
    with tempfile.TemporaryDirectory() as scratch:
        tiny = write_tiny_checkpoint(Path(scratch) / "tiny")
        show(lt.load(tiny), arguments.out / "demo.mp4", PROMPTS)
    print(
        "\nRandom weights give noise, in picture and sound. With a real checkpoint:\n"
        "    python3 -m nox -s demo -- --model path/to/LTX-2"
    )


def show(pipeline: lt.Pipeline, video: Path, prompts: Sequence[str]) -> None:
    """Roll a take and write it, its contact sheet beside it, and what it took."""
    with pipeline:
        segments, end = roll(pipeline, prompts)
    sheet = video.with_suffix(".png")
    write_video(video, segments, end)
    write_sheet(sheet, segments, end)
    print(f"{pipeline.family.name}: {video} and {sheet}")
    print(table(segments))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a checkpoint folder of LTX-2")
    parser.add_argument("--out", type=Path, default=Path("out"))
    return parser.parse_args()


def roll(
    pipeline: lt.Pipeline, prompts: Sequence[str]
) -> tuple[list[lt.GenerationResult], lt.GenerationResult | None]:
    """The segments, each from nothing but the JSON state of the one before, and the end, if any."""
    state: lt.ContinuationState | None = None
    segments = []
    for prompt in prompts:
        session = lt.Session(pipeline, state=state)
        segments.append(session.extend(prompt))
        assert session.state is not None
        state = lt.ContinuationState.from_json(session.state.to_json())
    ends = pipeline.family.finish  # of what holds no sound back there is no end
    return segments, lt.Session(pipeline, state=state).finish() if ends else None


def write_video(
    path: Path, segments: Sequence[lt.GenerationResult], end: lt.GenerationResult | None
) -> None:
    with TakeWriter(path, fps=segments[0].fps) as writer:
        for part in (*segments, end):
            if part is not None:
                writer.append(part.frames, part.audio, part.audio_sample_rate)


def write_sheet(
    path: Path, segments: Sequence[lt.GenerationResult], end: lt.GenerationResult | None
) -> None:
    views, start = [], 0.0
    for number, segment in enumerate(segments, 1):
        seconds = float(len(segment.frames) / segment.fps)
        label = f"segment {number}: {start:.2f} to {start + seconds:.2f} s"
        views.append(SegmentView(segment.frames[0], segment.frames[-1], label, seconds))
        start += seconds
    parts = [*segments, end] if end is not None else segments
    sound = [part.audio for part in parts if part.audio is not None]
    sheet = contact_sheet(
        views,
        audio=np.concatenate(sound, axis=1) if sound else None,
        sample_rate=segments[0].audio_sample_rate,
    )
    sheet.save(path)


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


if __name__ == "__main__":
    main()
