"""What a run gives: a picture, a sound, and both with the state after them as its result."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from longtake.requests.request import Job
from longtake.states.live import LiveState
from longtake.states.state import ContinuationState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Frames", "GenerationResult", "Waveform"]


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

    - ``frames``: uint8 RGB ``[T, H, W, 3]``, the new ones only; none in sound alone.
    - ``audio``: float32 ``[channels, samples]`` in [-1, 1]; None when no sound was made.
    - ``audio_sample_rate``: in Hz.
    - ``fps``: frames per second.
    - ``live_state``: for the next segment in this process, when the request asked for a state.
    - ``timings``: seconds per stage.
    - ``job``: the request with nothing left out; None for the end of a take.
    - ``options``: of the stages, as resolved from the request, the preset and the family.
    """

    frames: NDArray[np.uint8] = field(repr=False)
    audio: NDArray[np.float32] | None = field(repr=False)
    audio_sample_rate: int | None
    fps: Fraction
    live_state: LiveState | None = field(default=None, repr=False)
    timings: Mapping[str, float] = field(factory=dict)
    job: Job | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def state(self) -> ContinuationState | None:
        """For the next segment, when the request asked for it; see `LiveState.document`."""
        return None if self.live_state is None else self.live_state.document()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the segment as one file: ``.mp4`` (H.264 and AAC) or ``.mkv`` (lossless).

        Sound alone can also be a ``.m4a`` (AAC). Raises `OutputError` when the file cannot be
        written; an existing file is then untouched.
        """
        from longtake.media.writer import TakeWriter, check_output

        check_output(path, pictures=bool(len(self.frames)))
        with TakeWriter(path, fps=self.fps) as writer:
            writer.append(self.frames, self.audio, self.audio_sample_rate)
