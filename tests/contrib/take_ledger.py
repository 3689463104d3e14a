"""Two takes as one process makes them, and what of them files are known to hold."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from attrs import define, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake.media.reader import read_take
from longtake.takes.notes import read_take_notes

__all__ = ["LONGEST", "OPTIONS", "Held", "Truth", "check_held", "prompt_of", "truth_of"]

LONGEST = 16
"""Segments that a take may have."""

SIZE: dict[str, Any] = {"height": 32, "width": 48, "fps": 30}
NUM_FRAMES, OVERLAP = 10, 1
OPTIONS = (
    *("--family", "pendulum", "--height", "32", "--width", "48", "--fps", "30"),
    *("--num-frames", str(NUM_FRAMES), "--overlap-frames", str(OVERLAP)),
)
SEEDS = (3, 8)
PALETTES = ("dawn", "sea", "night", "ember")
AUDIBLE_SAMPLES = 4800
"""100 ms: as far behind a file's beginning its AAC may be of another encoder's run."""

LOOKED_AHEAD_SAMPLES = 3072
"""How much sound an MP4 may lack while it grows."""


@frozen(eq=False)
class Truth:
    """A take that one process rolled, lossless and as MP4: what of it each segment is.

    ``ends``: the sound that ends the take behind each segment.
    """

    frames: NDArray[np.uint8]
    coded_frames: NDArray[np.uint8]
    samples: NDArray[np.float32]
    coded_samples: NDArray[np.float32]
    ends: tuple[NDArray[np.float32], ...]
    record: lt.TakeRecord
    states: tuple[lt.ContinuationState, ...]


@define
class Held:
    """What a file is known to hold: ``count`` segments of a take from the one numbered ``first``.

    ``state``: the file to go on from; None when there is none. ``argv``: the command that wrote it
    last; ``left``: whether it left something to be done. ``ended``: whether the take's end is in
    it. ``number``: of the take.
    """

    number: int
    first: int
    count: int
    state: Path | None
    argv: tuple[str, ...] = ()
    left: bool = False
    ended: bool = False

    @property
    def end(self) -> int:
        """The number of the segment that would come next."""
        return self.first + self.count


def prompt_of(number: int, index: int) -> str:
    """Of the segment ``index`` of the take ``number``."""
    return f"{PALETTES[(number + index) % len(PALETTES)]}, part {index}"


@functools.cache
def truth_of(number: int) -> Truth:
    """The take ``number``, rolled here."""
    ends, states = [], []
    with TemporaryDirectory() as folder, lt.load(family="pendulum") as pipeline:
        names = [str(Path(folder, f"truth{suffix}")) for suffix in (".mkv", ".mp4")]
        writers = [lt.TakeWriter(name) for name in names]
        state: lt.ContinuationState | None = None
        for index in range(LONGEST):
            sampling = lt.Sampling(num_frames=NUM_FRAMES, seed=SEEDS[number], **SIZE)
            output = lt.Output(last=False, return_state=True, overlap_frames=OVERLAP)
            request = lt.GenerationRequest(
                prompt_of(number, index), state=state, sampling=sampling, output=output
            )
            result = pipeline.generate(request)
            state = result.state
            assert state is not None
            for writer in writers:
                writer.append(result)
            states.append(state)
            end = pipeline.finish(state).audio
            assert end is not None
            ends.append(end)
        for writer in writers:
            writer.close()
        lossless, coded = (read_take(name) for name in names)
        record = lt.read_take_record(names[0])
    assert lossless.audio is not None
    assert coded.audio is not None
    return Truth(
        lossless.frames, coded.frames, lossless.audio, coded.audio, tuple(ends), record,
        tuple(states),
    )  # fmt: skip


def check_held(path: Path, held: Held) -> None:
    """The file holds these segments as one process makes them: frames and samples."""
    truth = truth_of(held.number)
    segments = truth.record.segments[held.first : held.end]
    taken = read_take(str(path))
    begin = segments[0].first_frame
    frames = truth.coded_frames if path.suffix == ".mp4" else truth.frames
    wanted = frames[begin : segments[-1].first_frame + segments[-1].frames]
    assert taken.frames.shape == wanted.shape, f"{path}: frames"
    np.testing.assert_array_equal(taken.frames, wanted)
    assert taken.audio is not None
    first, end = segments[0].first_sample, segments[-1].first_sample + segments[-1].samples
    sound = [truth.samples[:, first:end]]
    if held.ended:
        sound.append(truth.ends[held.end - 1])
    wanted_sound = np.concatenate(sound, axis=1)
    if path.suffix == ".mp4":  # it hides what is before its first frame
        record = truth.record
        at_first_frame = int(begin * record.sample_rate // record.fps)
        wanted_sound = wanted_sound[:, at_first_frame - first :]
        missing = wanted_sound.shape[1] - taken.audio.shape[1]
        if not read_take_notes(path).finished and missing <= LOOKED_AHEAD_SAMPLES:
            wanted_sound = wanted_sound[:, : taken.audio.shape[1]]
    check_sound(path, taken.audio, wanted_sound)


def check_sound(path: Path, got: NDArray[np.float32], wanted: NDArray[np.float32]) -> None:
    """Bit for bit where it is lossless; as long, and nearly so, where it is AAC."""
    assert got.shape == wanted.shape, f"{path}: samples"
    if path.suffix == ".mp4":
        assert np.abs(got - wanted)[:, AUDIBLE_SAMPLES:].max(initial=0) < 0.02
    else:
        np.testing.assert_array_equal(got, wanted)


def prompts_from(number: int, first: int, count: int) -> Sequence[str]:
    return [prompt_of(number, index) for index in range(first, first + count)]
