"""A clip that a segment is made of: which of its latents are kept, and where in the segment.

Retake and extension are one thing here. The clip is encoded as a whole, for latents depend on what
is before them. Those within the time that is remade, and those of the segment before the clip and
behind it, start from noise; the others are kept. As ltx-core's ``TemporalRegionMask``: a token is
remade when its bounds in seconds satisfy ``end > from`` and ``start < to``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import torch
from attrs import evolve, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT, SegmentClock
from longtake_ltx2.conditioning.coordinates import audio_coordinates
from longtake_ltx2.conditioning.encoding import SOUND_RATE
from longtake_ltx2.conditioning.sounds import RequestedSound, kept_runs, placed_sound
from longtake_ltx2.conditioning.tokens import ConditioningFrames, ConditioningTokens, placed_video
from longtake_ltx2.latents import video_to_tokens
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.values import Geometry

__all__ = ["RequestedSource", "heard_source", "requested_source", "source_tokens"]


@frozen(eq=False)
class RequestedSource:
    """A clip of 8k + 1 frames, and what of it is kept.

    - ``frames``: its pixels, and the segment's frame that its first one stands at, a multiple of 8.
    - ``remade``: its latent frames from the first to below the second are made anew.
    - ``sound``: None where it has none.
    """

    frames: ConditioningFrames
    remade: tuple[int, int]
    sound: RequestedSound | None

    @property
    def latent_frames(self) -> int:
        """Of the clip: one for its first frame, then one for every 8."""
        return (self.frames.num_frames - 1) // FRAMES_PER_LATENT + 1

    @property
    def leads(self) -> bool:
        """Whether the clip begins inside the segment, where its first frame has no latent.

        The segment's latent there is of eight frames, seven of which the clip does not have.
        """
        return self.frames.first_frame > 0

    def runs(self) -> Iterator[tuple[int, int]]:
        """Latent frames ``[start, stop)`` of the clip that are kept as the segment's own."""
        return kept_runs(int(self.leads), self.latent_frames, self.remade)

    def kept_frames(self) -> set[int]:
        """Frames of the segment that are the clip's."""
        first = self.frames.first_frame
        kept = {first} if not (self.remade[0] == 0 and self.remade[1] > 0) else set()
        for start, stop in self.runs():
            begin = max(0, FRAMES_PER_LATENT * (start - 1) + 1)
            kept |= set(range(first + begin, first + FRAMES_PER_LATENT * (stop - 1) + 1))
        return kept


def requested_source(
    job: lt.Job, inputs: lt.DecodedInputs, segment: SegmentClock
) -> RequestedSource | None:
    """The clip that the segment of ``job`` is made of, if there is one."""
    source = job.inputs.source
    if source is None:
        return None
    pixels, first = inputs.source_frames(), source.frame_in(segment.num_frames)
    remade = (0, 0)
    if source.remakes and source.remake_video:
        starts = torch.arange((len(pixels) - 1) // FRAMES_PER_LATENT + 1, dtype=torch.float32)
        bounds = torch.stack([starts, starts + 1], dim=-1) * FRAMES_PER_LATENT
        bounds = (bounds + 1 - FRAMES_PER_LATENT).clamp(min=0) / float(segment.fps)
        remade = _touched(bounds, source)
    sound = _sound(source, inputs, segment) if job.output.audio else None
    return RequestedSource(ConditioningFrames(pixels, first, 1.0), remade, sound)


def _touched(bounds: torch.Tensor, source: lt.SourceInput) -> tuple[int, int]:
    """Tokens ``[start, stop)`` of those with ``bounds`` ``[n, 2]`` in seconds that are remade."""
    start, end = source.remake_from, source.remake_to
    within = bounds[:, 1] > (-math.inf if start is None else start)
    within &= bounds[:, 0] < (math.inf if end is None else end)
    indices = within.nonzero().flatten().tolist()
    return (indices[0], indices[-1] + 1) if indices else (0, 0)


def _sound(
    source: lt.SourceInput, inputs: lt.DecodedInputs, segment: SegmentClock
) -> RequestedSound | None:
    heard = heard_source(source, inputs, segment, SOUND_RATE)
    if heard is None:
        return None
    frames, first = len(inputs.source_frames()), source.frame_in(segment.num_frames)
    begin = segment.position_offset + Fraction(first) / segment.fps
    sound = placed_sound(heard, float(begin), segment, 1.0)
    # Of what the segment goes on from, nothing; at its end, the last latent whole.
    start = max(sound.start, segment.context_latents)
    stop = segment.num_latents if first + frames == segment.num_frames else sound.stop
    remade = (0, 0)
    if source.remakes and source.remake_audio:
        remade = _touched(audio_coordinates(segment, "cpu")[0, 0] - float(begin), source)
    return evolve(sound, start=start, stop=max(start, stop), remade=remade)


def heard_source(
    source: lt.SourceInput, inputs: lt.DecodedInputs, segment: SegmentClock, sample_rate: int
) -> NDArray[np.float32] | None:
    """The clip's sound, exactly as long as its picture: cut, or silent at its end. None without."""
    sound = inputs.source_sound(sample_rate)
    if sound is None:
        return None
    length = round(len(inputs.source_frames()) * sample_rate / segment.fps)
    return np.pad(sound[:, :length], ((0, 0), (0, max(0, length - sound.shape[1]))))


def source_tokens(
    source: RequestedSource,
    latents: torch.Tensor,
    geometry: Geometry,
    numerics: Numerics,
    *,
    offset: float | None = None,
) -> Iterator[ConditioningTokens]:
    """Where the clip's encoded ``latents`` ``[1, C, F, H, W]`` go.

    They take the place of the segment's own. The first frame of a clip that begins later shares its
    latent with seven frames that are new: it is appended, as a still image is.
    """
    first, frames = source.frames.first_frame, source.frames
    if source.leads and first in source.kept_frames():
        assert frames.pixels is not None
        still = ConditioningFrames(frames.pixels[:1], first, 1.0)
        yield placed_video(still, latents[:, :, :1], geometry, numerics, offset=offset)
    in_a_frame = geometry.latent_height * geometry.latent_width
    for start, stop in source.runs():
        place = (first // FRAMES_PER_LATENT + start) * in_a_frame
        yield ConditioningTokens(video_to_tokens(latents[:, :, start:stop]), 0.0, place)
