"""What a run gives: events while it goes on, a picture and a sound, and its result."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import field, frozen

from longtake.requests.request import Job
from longtake.states.state import ContinuationState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Event", "Final", "Frames", "GenerationResult", "Partial", "Progress", "Waveform"]


@frozen(eq=False)
class Frames:
    """The new frames of a segment: ``pixels`` is uint8 RGB ``[T, H, W, 3]``."""

    pixels: NDArray[np.uint8] = field(repr=False)


@frozen(eq=False)
class Waveform:
    """The new sound of a segment: ``samples`` is float32 ``[channels, samples]`` in [-1, 1].

    ``sample_rate`` is in Hz.
    """

    samples: NDArray[np.float32] = field(repr=False)
    sample_rate: int


@frozen(kw_only=True, eq=False)
class GenerationResult:
    """One generated segment.

    ``frames``: uint8 RGB ``[T, H, W, 3]``, the new ones only; none in sound alone. ``audio``:
    float32 ``[channels, samples]`` in [-1, 1], or None when no sound was made;
    ``audio_sample_rate`` in Hz. ``fps``: frames per second. ``state``: for the next segment, when
    the request asked for it. ``timings``: seconds per stage. ``job`` and ``options``: the values
    that were used, as resolved from the request, the preset and the family; ``job`` is None for
    the end of a take, which is made from its state alone.
    """

    frames: NDArray[np.uint8] = field(repr=False)
    audio: NDArray[np.float32] | None = field(repr=False)
    audio_sample_rate: int | None
    fps: Fraction
    state: ContinuationState | None = None
    timings: Mapping[str, float] = field(factory=dict)
    job: Job | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(factory=dict, repr=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the segment as one file: ``.mp4`` (H.264 and AAC) or ``.mkv`` (lossless).

        Sound alone can also be a ``.m4a`` (AAC). Raises `OutputError` when the file cannot be
        written; an existing file is then untouched.
        """
        from longtake.media.writer import TakeWriter, check_output

        check_output(path, pictures=bool(len(self.frames)))
        with TakeWriter(path, fps=self.fps) as writer:
            writer.append(self.frames, self.audio, self.audio_sample_rate)


@frozen
class Progress:
    """A stage went on: ``step`` of ``total`` are done; step 0 is its start.

    A stage that counts no steps of its own (`Run.steps`) is one step.
    """

    stage: str
    step: int
    total: int


@frozen
class Partial:
    """A stage made something that can already be shown or played, ahead of the result."""

    stage: str
    value: Frames | Waveform


@frozen
class Final:
    """The run is over."""

    result: GenerationResult


Event: TypeAlias = Progress | Partial | Final
