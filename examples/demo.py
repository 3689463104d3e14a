"""Roll three segments of one take and look at them: out/demo.mp4 and out/demo.png.

Without ``--model`` a tiny LTX-2 checkpoint with random weights is made on the spot.
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


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        model = arguments.model or write_tiny_checkpoint(Path(scratch) / "tiny")
        with lt.load(model) as pipeline:
            segments, end = roll(pipeline)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_video(arguments.out / "demo.mp4", segments, end)
    write_sheet(arguments.out / "demo.png", segments, end)
    print(table(segments))
    print(f"\nwritten: {arguments.out / 'demo.mp4'} and {arguments.out / 'demo.png'}")
    if arguments.model is None:
        print(
            "\nRandom weights give noise, in picture and sound. With a real checkpoint:\n"
            "    python3 -m nox -s demo -- --model path/to/LTX-2"
        )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a checkpoint folder; tiny and random without")
    parser.add_argument("--out", type=Path, default=Path("out"))
    return parser.parse_args()


def roll(pipeline: lt.Pipeline) -> tuple[list[lt.GenerationResult], lt.GenerationResult]:
    """Three segments, each from nothing but the JSON state of the one before, and the end."""
    state: lt.ContinuationState | None = None
    segments = []
    for prompt in PROMPTS:
        session = lt.Session(pipeline, state=state)
        segments.append(session.extend(prompt))
        assert session.state is not None
        state = lt.ContinuationState.from_json(session.state.to_json())
    return segments, lt.Session(pipeline, state=state).finish()


def write_video(
    path: Path, segments: Sequence[lt.GenerationResult], end: lt.GenerationResult
) -> None:
    height, width = segments[0].frames.shape[1:3]
    with TakeWriter(path, fps=segments[0].fps) as writer:
        for segment in segments:
            writer.append(segment.frames, segment.audio, segment.audio_sample_rate)
        no_frames = np.zeros((0, height, width, 3), np.uint8)
        writer.append(no_frames, end.audio, end.audio_sample_rate)


def write_sheet(
    path: Path, segments: Sequence[lt.GenerationResult], end: lt.GenerationResult
) -> None:
    views, start = [], 0.0
    for number, segment in enumerate(segments, 1):
        seconds = float(len(segment.frames) / segment.fps)
        label = f"segment {number}: {start:.2f} to {start + seconds:.2f} s"
        views.append(SegmentView(segment.frames[0], segment.frames[-1], label, seconds))
        start += seconds
    sound = [part.audio for part in (*segments, end) if part.audio is not None]
    sheet = contact_sheet(
        views,
        audio=np.concatenate(sound, axis=1) if sound else None,
        sample_rate=end.audio_sample_rate,
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
