"""How a restored state places and conditions the next segment."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch

import longtake as lt
from longtake_ltx2.clock import (
    AUDIO_CONTEXT_LATENTS,
    FRAMES_PER_LATENT,
    SegmentClock,
    first_segment,
    latents_until,
    next_segment,
)
from longtake_ltx2.continuation.state import LTX2ContinuationState
from longtake_ltx2.continuation.v2.names import LTX2_LATENTS_KIND

__all__ = [
    "LONGEST_PREFIX_SECONDS",
    "audio_until_end",
    "carried_audio",
    "carried_count",
    "carries_latents",
    "known_latents",
    "place_segment",
    "repeated_count",
    "repeated_frames",
]

LONGEST_PREFIX_SECONDS = 60
"""Of sound that a segment goes on from. Its cost grows with the square, and a state may ask."""


def repeated_frames(state: LTX2ContinuationState) -> list[Any]:
    """The carried frames that the next segment repeats: the last 8k+1 of them."""
    frames = list(state.video_frames or ())
    keep = (len(frames) - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1 if frames else 0
    return frames[len(frames) - keep :]


def carries_latents(job: lt.Job) -> bool:
    """Whether the state after ``job`` carries what its frames encode to."""
    output = job.output
    return output.video and output.return_state and output.state_kind == LTX2_LATENTS_KIND


def carried_count(state: LTX2ContinuationState) -> int:
    """How many frames the next segment repeats, carried as frames or as latents."""
    if state.video_frames:
        return len(repeated_frames(state))
    return 0 if state.video_latents is None else state.video_latents.num_frames


def repeated_count(state: LTX2ContinuationState) -> int:
    """Frames of the next segment that the take has already: up to the last of the carried ones."""
    carried = carried_count(state)
    return state.video_conditioning_frame_idx + carried if carried else 0


def place_segment(job: lt.Job, state: LTX2ContinuationState | None) -> SegmentClock:
    """Where the segment of ``job`` lies on the clock of its take: the family's ``place``.

    A state without a clock, from another implementation, starts a new one: its audio prefix is
    the beginning of the grid, and its frames lie ``video_position_offset_sec`` later.
    """
    num_frames, fps = job.sampling.num_frames, job.sampling.fps
    if state is None:
        return first_segment(num_frames, fps)
    repeated = repeated_count(state)
    carries_audio = state.audio_latents is not None
    if state.clock is not None:
        # Without carried latents the context is made anew: the held-back sound lies in it.
        wanted = state.audio_conditioning_num_frames if carries_audio else AUDIO_CONTEXT_LATENTS
        return next_segment(state.clock, num_frames, repeated, context_latents=wanted)
    left_out = len(state.video_frames or ()) - len(repeated_frames(state))
    offset = Fraction(state.video_position_offset_sec) + Fraction(left_out) / fps
    first_frame = round(offset * fps)
    return SegmentClock(
        num_frames=num_frames,
        repeated_frames=repeated,
        fps=fps,
        first_frame=first_frame,
        first_latent=0,
        end_latent=latents_until(first_frame + num_frames, fps),
        context_latents=state.audio_conditioning_num_frames if carries_audio else 0,
        position_offset=offset,
        samples_before=None,
    )


def carried_audio(state: LTX2ContinuationState | None) -> torch.Tensor | None:
    """The carried audio latents ``[1, C, T, mel]`` in fp32, or None."""
    if state is None or state.audio_latents is None:
        return None
    latents: torch.Tensor = state.audio_latents
    return latents.float()


def audio_until_end(
    state: LTX2ContinuationState | None, segment: SegmentClock, own: torch.Tensor, wanted: int
) -> torch.Tensor:
    """Audio latents ``[1, C, T, mel]`` up to the end of the segment, from ``wanted`` before it.

    ``own`` are the segment's latents, its context included; what lies further back is carried.
    There may be fewer than wanted: a take has a beginning, and a foreign state carries what it
    carries.
    """
    carried = carried_audio(state)
    reached = known_latents(state, segment, wanted) - segment.num_latents
    if carried is None or reached <= 0:
        return own
    end = carried.shape[2] - segment.context_latents
    return torch.cat([carried[:, :, end - reached : end].to(own), own], dim=2)


def known_latents(state: LTX2ContinuationState | None, segment: SegmentClock, wanted: int) -> int:
    """How many audio latents `audio_until_end` gives, the segment's own included."""
    carried = None if state is None else state.audio_latents
    further = 0 if carried is None else carried.shape[2] - segment.context_latents
    return segment.num_latents + max(0, min(wanted - segment.context_latents, further))
