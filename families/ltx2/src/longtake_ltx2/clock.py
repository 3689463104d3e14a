"""The clock of a take: frames, audio latents and samples on one time axis, never rounded twice.

Frame k of a take is at ``k / fps``. Audio latents come at 25 per second on one 40 ms grid that
starts with the take. The first audio latent decodes to one mel frame of 10 ms, every other to
four, so e latents are ``4 e - 3`` mel frames of ``rate / 100`` samples each.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

from attrs import frozen

__all__ = [
    "AUDIO_CONTEXT_LATENTS",
    "DECODE_CONTEXT_LATENTS",
    "FEWEST_NEW_FRAMES",
    "FRAMES_PER_LATENT",
    "LATENTS_PER_SECOND",
    "SegmentClock",
    "TakeClock",
    "first_segment",
    "is_frame_count",
    "latents_until",
    "next_segment",
    "samples_of",
    "samples_until",
]

LATENTS_PER_SECOND = 25
FRAMES_PER_LATENT = 8
FEWEST_NEW_FRAMES = FRAMES_PER_LATENT
"""That a segment may add to a take."""
AUDIO_CONTEXT_LATENTS = 51
"""Latents of clean sound that a segment is conditioned on: about two seconds."""
DECODE_CONTEXT_LATENTS = 64
"""Latents decoded again before a segment's own: covers what the audio decoders look back."""


def is_frame_count(frames: int) -> bool:
    """Whether the video VAE can make this many frames: 8 k + 1."""
    return frames >= 1 and (frames - 1) % FRAMES_PER_LATENT == 0


def latents_until(frames: int, fps: Fraction) -> int:
    """How many audio latents a take of ``frames`` frames has, in the networks' float expression."""
    return round(frames / float(fps) * float(LATENTS_PER_SECOND))


def samples_of(latents: int, sample_rate: int) -> int:
    """How many samples ``latents`` audio latents decode to; 0 for none."""
    return max(0, 4 * latents - 3) * (sample_rate // 100)


def samples_until(frames: int, fps: Fraction, sample_rate: int) -> int:
    """How many samples of sound a finished take of ``frames`` frames has, rounded half up."""
    return floor(Fraction(frames * sample_rate) / fps + Fraction(1, 2))


@frozen
class TakeClock:
    """How far a take has come.

    - ``frames``: all its frames so far.
    - ``fps``: frames per second.
    - ``latents``: audio latents so far.
    - ``samples``: sound handed out so far, None when the state does not say.
    """

    frames: int
    fps: Fraction
    latents: int
    samples: int | None = None

    def to_metadata(self) -> dict[str, Any]:
        """The plain JSON form, as it stands in a state's metadata."""
        return {
            "frames": self.frames,
            "fps": [self.fps.numerator, self.fps.denominator],
            "latents": self.latents,
            "samples": self.samples,
        }

    def context_latents(self, overlap_frames: int) -> int:
        """How many clean audio latents the next segment gets when it repeats so many frames."""
        return next_segment(self, overlap_frames + 8, overlap_frames).context_latents


@frozen
class SegmentClock:
    """Where one segment lies on the clock of its take.

    - ``num_frames``: with the repeated ones.
    - ``repeated_frames``: from the segment before.
    - ``first_frame``, ``end_frame``: its frames are ``[first_frame, end_frame)`` of the take.
    - ``first_latent``, ``end_latent``: its audio latents likewise.
    - ``context_latents``: how many of them come from before.
    - ``position_offset``: seconds from its first audio latent to its first frame.
    - ``samples_before``: sound handed out before it, None when that is not known.
    """

    num_frames: int
    repeated_frames: int
    fps: Fraction
    first_frame: int
    first_latent: int
    end_latent: int
    context_latents: int
    position_offset: Fraction
    samples_before: int | None

    @property
    def end_frame(self) -> int:
        """The first frame of the take behind this segment."""
        return self.first_frame + self.num_frames

    @property
    def first_new_frame(self) -> int:
        """The first frame that the take did not have."""
        return self.first_frame + self.repeated_frames

    @property
    def new_frames(self) -> int:
        """How many of its frames the take did not have."""
        return self.num_frames - self.repeated_frames

    def num_frames_for(self, new_frames: int) -> int:
        """How many frames a segment in this place has that adds ``new_frames``.

        The next 8k + 1 below, but with the fewest new frames that a segment may add.
        """
        whole = (self.repeated_frames + new_frames - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1
        while whole - self.repeated_frames < (FEWEST_NEW_FRAMES if self.repeated_frames else 1):
            whole += FRAMES_PER_LATENT
        return whole

    @property
    def num_latents(self) -> int:
        """Audio latents of this segment, context included."""
        return self.end_latent - self.first_latent

    @property
    def latents_before(self) -> int:
        """Audio latents of the take before this segment's own."""
        return self.first_latent + self.context_latents

    def after(self, samples: int | None) -> TakeClock:
        """The take's clock when this segment is done and ``samples`` are handed out in all."""
        return TakeClock(self.end_frame, self.fps, self.end_latent, samples)


def first_segment(num_frames: int, fps: Fraction) -> SegmentClock:
    """The first segment of a take."""
    return next_segment(TakeClock(0, fps, 0, 0), num_frames, 0)


def next_segment(
    clock: TakeClock,
    num_frames: int,
    repeated_frames: int,
    *,
    context_latents: int = AUDIO_CONTEXT_LATENTS,
) -> SegmentClock:
    """The segment of ``num_frames`` frames that goes on where ``clock`` stands.

    It repeats the last ``repeated_frames``, and is conditioned on ``context_latents`` audio
    latents, or on more where the repeated frames reach back further.
    """
    first_frame = clock.frames - repeated_frames
    reached = floor(LATENTS_PER_SECOND * Fraction(first_frame) / clock.fps)
    first_latent = max(0, min(clock.latents - context_latents, reached))
    return SegmentClock(
        num_frames=num_frames,
        repeated_frames=repeated_frames,
        fps=clock.fps,
        first_frame=first_frame,
        first_latent=first_latent,
        end_latent=latents_until(first_frame + num_frames, clock.fps),
        context_latents=clock.latents - first_latent,
        position_offset=Fraction(first_frame) / clock.fps
        - Fraction(first_latent, LATENTS_PER_SECOND),
        samples_before=clock.samples,
    )
