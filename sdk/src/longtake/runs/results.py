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

__all__ = ["Frames", "GenerationResult", "Stills", "UsedPrompt", "Waveform"]


@frozen(eq=False)
class Frames:
    """The new frames of a segment: ``pixels`` is uint8 RGB ``[T, H, W, 3]``."""

    pixels: NDArray[np.uint8] = field(repr=False)


@frozen(eq=False)
class Waveform:
    """The new sound of a segment: ``samples`` is float32 ``[channels, samples]`` in [-1, 1].

    ``sample_rate`` is in Hz. ``first_sample``: where in the take it begins, counted from the take's
    beginning; by default where the first new frame k is, ``k * sample_rate // fps``. A family that
    holds sound back says it.
    """

    samples: NDArray[np.float32] = field(repr=False)
    sample_rate: int
    first_sample: int | None = field(default=None, repr=False)


@frozen
class UsedPrompt:
    """The prompt that a segment is made of: the request's, or what a stage rewrote it to."""

    text: str = field(repr=False)


@frozen(eq=False)
class Stills:
    """Pictures that were made beside a segment: ``pixels`` is uint8 RGB ``[K, H, W, 3]``.

    ``frames``: of the segment, counting those it repeats, at which each of the K stands. They may
    be smaller than the segment's own.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    frames: tuple[int, ...]


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
    - ``segment_index``: 0 for the first segment of the take; the end of a take has the last one's.
    - ``first_frame``: where in the take ``frames`` begins; None when the family does not say.
    - ``first_sample``: where in the take ``audio`` begins; None without sound, or when that is not
      known.
    - ``prompt``: that the segment was made of: the job's, or what it was rewritten to; None for the
      end of a take.
    - ``stills``: pictures that were made beside the segment; None where none were asked for.
    """

    frames: NDArray[np.uint8] = field(repr=False)
    audio: NDArray[np.float32] | None = field(repr=False)
    audio_sample_rate: int | None
    fps: Fraction
    live_state: LiveState | None = field(default=None, repr=False)
    timings: Mapping[str, float] = field(factory=dict)
    job: Job | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(factory=dict, repr=False)
    segment_index: int = 0
    first_frame: int | None = None
    first_sample: int | None = None
    prompt: str | None = field(default=None, repr=False)
    stills: Stills | None = None

    def __repr__(self) -> str:
        num_frames, height, width, _ = self.frames.shape
        said = [f"{num_frames} frames of {height}x{width} (height x width) at {self.fps} fps"]
        if self.audio is not None and self.audio_sample_rate:
            channels, samples = self.audio.shape
            seconds = samples / self.audio_sample_rate
            what = f"{channels} channel{'' if channels == 1 else 's'}"
            said.append(f"{seconds:.2f} s of sound ({what}, {self.audio_sample_rate} Hz)")
        if self.live_state is not None:
            said.append(repr(self.live_state))
        return f"<GenerationResult: {', '.join(said)}>"

    @property
    def state(self) -> ContinuationState | None:
        """For the next segment, when the request asked for it; see `LiveState.document`."""
        return None if self.live_state is None else self.live_state.document()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the segment as one file: ``.mp4`` (H.264 and AAC) or ``.mkv`` (lossless).

        Sound alone can also be a ``.m4a`` (AAC) or a ``.wav`` (float32), and the pictures alone a
        ``.gif`` or a ``.webp``, which hold no sound. Raises `OutputError` when the file cannot be
        written; an existing file is then untouched.
        """
        from longtake.media.animations import animation_format, write_animation
        from longtake.media.writer import ArrayWriter, check_output

        if animation_format(path) is not None:
            write_animation(path, self.frames, count=len(self.frames), fps=self.fps)
            return
        check_output(path, pictures=bool(len(self.frames)))
        with ArrayWriter(path, fps=self.fps) as writer:
            writer.append(self.frames, self.audio, self.audio_sample_rate)
