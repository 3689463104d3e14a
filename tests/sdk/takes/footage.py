"""Takes to write: results whose pictures and sound are known, on one clock."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

import longtake as lt

__all__ = ["Footage", "footage", "packets_of", "state_after"]

Audio = NDArray[np.float32]


@frozen
class Footage:
    """Results that follow each other, the end last, and the whole of their sound."""

    results: tuple[lt.GenerationResult, ...]
    sound: Audio
    rate: int
    fps: Fraction

    @property
    def num_frames(self) -> int:
        return sum(len(result.frames) for result in self.results)

    def write(self, path: Path, numbers: Sequence[int] | None = None) -> Path:
        """Write those results to ``path``, all by default, with the states after them."""
        after = None if not numbers or numbers[0] == 0 else state_after(numbers[0] - 1)
        with lt.TakeWriter(path, begins_after=after) as writer:
            for number in range(len(self.results)) if numbers is None else numbers:
                writer.append(self.results[number], state=state_after(number))
        return path


def state_after(number: int) -> lt.ContinuationState:
    return lt.ContinuationState("toy.v1", {"segment": number})


def clicks(samples: int, rate: int, channels: int, at: Sequence[int]) -> Audio:
    """A chord with struck, decaying noise at those samples, and every 0.37 s."""
    time = np.arange(samples) / rate
    chord = sum(0.1 * np.sin(2 * np.pi * f * time) for f in (220.0, 331.0, 1760.5))
    wave = np.asarray(chord)
    smooth = np.hanning(10) / 2
    noise = np.random.default_rng(3)
    for start in [*at, *range(rate // 5, samples, int(0.37 * rate))]:
        length = max(10, min(rate // 20, samples - start))
        decay = np.exp(-np.arange(length) / (rate / 200))
        struck = decay * np.convolve(noise.normal(size=length), smooth, "same") * 0.3
        wave[start : start + length] += struck[: samples - start]
    sides = [wave, np.roll(wave, 31)][:channels]
    sound: Audio = np.clip(np.stack(sides), -1, 1).astype(np.float32)
    return sound


def footage(
    *,
    frames: Sequence[int] = (24, 16, 25, 9),
    fps: Fraction = Fraction(24),
    rate: int = 24_000,
    channels: int = 2,
    held_back: int = 3_001,
    size: tuple[int, int] = (32, 48),
    struck_at_seams: bool = True,
) -> Footage:
    """A take of so many frames; each segment holds that many samples back, which the end lets out.

    ``size`` is (0, 0) for sound alone.
    """
    ends = np.cumsum(frames)
    total = round(int(ends[-1]) * rate / fps) + max(0, -held_back)
    cuts = [0, *(max(0, int(int(end) * rate // fps) - held_back) for end in ends), total]
    sound = clicks(total, rate, channels, cuts[1:-1] if struck_at_seams else ())
    results = []
    for number, (count, end) in enumerate(zip(frames, ends, strict=True)):
        picture = pictures(int(end) - count, int(end), size)
        results.append(
            lt.GenerationResult(
                frames=picture,
                audio=sound[:, cuts[number] : cuts[number + 1]],
                audio_sample_rate=rate,
                fps=fps,
                job=lt.Job.example(f"prompt {number}"),
                segment_index=number,
                first_frame=int(end) - count,
                first_sample=cuts[number],
            )
        )
    end_of_take = evolve(
        results[-1],
        frames=pictures(0, 0, size),
        audio=sound[:, cuts[-2] :],
        job=None,
        segment_index=len(frames),
        first_frame=int(ends[-1]),
        first_sample=cuts[-2],
    )
    return Footage((*results, end_of_take), sound, rate, fps)


def pictures(first: int, end: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Frames that say which they are: their mean is 2 n + 20, modulo 200."""
    height, width = size
    if not height:
        return np.zeros((0, 0, 0, 3), np.uint8)
    grid = np.mgrid[:height, :width].sum(0) % 16 - 8
    tones = [(2 * n) % 200 + 20 + grid for n in range(first, end)]
    stack = np.array(tones, np.uint8).reshape(-1, height, width, 1)
    return np.repeat(stack, 3, axis=3)


def packets_of(path: Path, kind: str) -> list[tuple[int, bytes]]:
    """Time stamps and bytes of a stream's packets, with those that an edit list hides."""
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [(p.pts, bytes(p)) for p in container.demux(streams) if p.pts is not None]
