"""A clip that a segment is made of: which of its latents are kept, and where in the segment.

Retake and extension are one thing here. The clip is encoded as a whole, for latents depend on what
is before them. Those within the time that is remade, and those of the segment before the clip and
behind it, start from noise; the others are kept. As ltx-core's ``TemporalRegionMask``: a token is
remade when its bounds in seconds satisfy ``end > from`` and ``start < to``. With a mask it is
remade there when it is touched, too, and the others are kept, as ltx-core's
``VideoConditionByMask``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import torch
from attrs import evolve, field, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT, SegmentClock
from longtake_ltx2.conditioning.coordinates import audio_coordinates
from longtake_ltx2.conditioning.encoding import SOUND_RATE
from longtake_ltx2.conditioning.places import padding_of, touched_tokens
from longtake_ltx2.conditioning.sounds import RequestedSound, placed_sound
from longtake_ltx2.conditioning.tokens import ConditioningFrames, ConditioningTokens, placed_video
from longtake_ltx2.latents import video_to_tokens
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.sizes import SPATIAL_FACTOR
from longtake_ltx2.values import Geometry

__all__ = ["RequestedSource", "heard_source", "requested_source", "source_tokens"]


@frozen(eq=False)
class RequestedSource:
    """A clip of 8k + 1 frames, and what of it is kept.

    - ``frames``: its pixels, the segment's frame that its first one stands at, a multiple of 8, and
      how strongly what is kept is kept.
    - ``remade``: its latent frames from the first to below the second are made anew,
    - ``places``: but only where these are touched, ``[1 or V, rows, columns]``; everywhere if None.
    - ``padding``: ``[1, rows, columns]``, where the picture is not the clip's; None where it is.
    - ``sound``: None where it has none.
    """

    frames: ConditioningFrames
    remade: tuple[int, int]
    sound: RequestedSound | None
    places: NDArray[np.bool_] | None = field(default=None, repr=False)
    padding: NDArray[np.bool_] | None = field(default=None, repr=False)

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

    def kept_tokens(self, height: int, width: int) -> NDArray[np.bool_]:
        """Which of the clip's tokens ``[F, H, W]`` are kept in a pass of this size, in pixels."""
        kept = ~self._remade_tokens(height, width)
        if self.padding is not None:
            kept &= ~touched_tokens(self.padding, self.frames.num_frames, height, width)
        return kept

    def touches(self, height: int, width: int) -> bool:
        """Whether the mask has some of the clip remade, if there is one."""
        return self.places is None or bool(self._remade_tokens(height, width).any())

    def _remade_tokens(self, height: int, width: int) -> NDArray[np.bool_]:
        grid = (self.latent_frames, height // SPATIAL_FACTOR, width // SPATIAL_FACTOR)
        remade = np.zeros(grid, np.bool_)
        within = slice(*self.remade)
        if self.places is None:
            remade[within] = True
        else:
            touched = touched_tokens(self.places, self.frames.num_frames, height, width)
            remade[within] = touched[within]
        return remade

    def kept_frames(self, height: int, width: int) -> set[int]:
        """Frames of the segment of which something is the clip's."""
        first, found = self.frames.first_frame, set[int]()
        for latent in np.flatnonzero(self.kept_tokens(height, width).any((1, 2))).tolist():
            start = max(0, FRAMES_PER_LATENT * (latent - 1) + 1)
            found |= set(range(first + start, first + FRAMES_PER_LATENT * latent + 1))
        return found


def requested_source(
    job: lt.Job, inputs: lt.DecodedInputs, segment: SegmentClock
) -> RequestedSource | None:
    """The clip that the segment of ``job`` is made of, if there is one."""
    source = job.inputs.source
    if source is None:
        return None
    pixels, first = inputs.source_frames(), source.frame_in(segment.num_frames)
    remade = (0, 0)
    if (source.remakes or source.mask is not None) and source.remake_video:
        starts = torch.arange((len(pixels) - 1) // FRAMES_PER_LATENT + 1, dtype=torch.float32)
        bounds = torch.stack([starts, starts + 1], dim=-1) * FRAMES_PER_LATENT
        bounds = (bounds + 1 - FRAMES_PER_LATENT).clamp(min=0) / float(segment.fps)
        remade = _touched(bounds, source)
    sound = _sound(source, inputs, segment) if job.output.audio else None
    return RequestedSource(
        ConditioningFrames(pixels, first, source.strength),
        remade,
        sound,
        inputs.source_places(),
        padding_of(source, *pixels.shape[1:3]),
    )


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
    kept = source.kept_tokens(geometry.height, geometry.width)
    if source.leads and kept[0].any():
        assert frames.pixels is not None
        still = evolve(frames, pixels=frames.pixels[:1])
        whole = placed_video(still, latents[:, :, :1], geometry, numerics, offset=offset)
        assert whole.coordinates is not None  # or it would take the place of others
        own = torch.from_numpy(kept[0].flatten()).to(latents.device)
        yield evolve(whole, tokens=whole.tokens[:, own], coordinates=whole.coordinates[:, :, own])
    if source.leads:
        kept[0] = False
    tokens, in_a_frame = video_to_tokens(latents), kept[0].size
    place = first // FRAMES_PER_LATENT * in_a_frame
    for start, stop in _runs(kept.flatten()):
        yield ConditioningTokens(tokens[:, start:stop], 1.0 - frames.strength, place + start)


def _runs(kept: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """``[start, stop)`` of what is kept ``[T]``, piece by piece."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    yield from zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True)
