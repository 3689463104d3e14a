"""Which sizes and lengths LTX-2 makes at all, whatever the checkpoint. Imports nothing heavy."""

from __future__ import annotations

import longtake as lt
from longtake_ltx2.clock import FRAMES_PER_LATENT, is_frame_count

__all__ = ["MAX_PIXELS", "MAX_SIDE", "SPATIAL_FACTOR", "check_sampling", "fitted_to"]

SPATIAL_FACTOR = 32
MAX_SIDE = 8192
MAX_PIXELS = 7680 * 4320

_MOST_FRAMES = 2049
"""Of one segment. More would only fail later, when memory runs out."""


def check_sampling(sampling: lt.ResolvedSampling) -> None:
    """Refuse a size or length that no LTX-2 makes. Raises `longtake.ValidationError`."""
    for name, size in (("height", sampling.height), ("width", sampling.width)):
        if size % SPATIAL_FACTOR:
            near = max(SPATIAL_FACTOR, round(size / SPATIAL_FACTOR) * SPATIAL_FACTOR)
            raise lt.ValidationError(
                f"sampling.{name}", f"is {size}; must divide by {SPATIAL_FACTOR}, e.g. {near}"
            )
        if size > MAX_SIDE:
            raise lt.ValidationError(f"sampling.{name}", f"is {size}; at most {MAX_SIDE}")
    if sampling.height * sampling.width > MAX_PIXELS:
        raise lt.ValidationError(
            "sampling.height",
            f"is {sampling.height}, and the width {sampling.width}; at most {MAX_PIXELS} pixels "
            "in all, which a state can carry",
        )
    frames = sampling.num_frames
    if frames > _MOST_FRAMES:
        raise lt.ValidationError(
            "sampling.num_frames",
            f"is {frames}; at most {_MOST_FRAMES}: what is longer is a take of several segments",
        )
    if not is_frame_count(frames):
        below = (frames - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1
        raise lt.ValidationError(
            "sampling.num_frames",
            f"is {frames}; must be 8k + 1, e.g. {below} or {below + FRAMES_PER_LATENT}",
        )


def fitted_to(clip: lt.ClipFacts) -> lt.Sampling:
    """The sampling of a segment that is made of ``clip``: 8k + 1 frames, sides that divide by 32.

    Where two sizes are equally near it is the one that also divides by 64, as two stages need. A
    clip is resized to cover the size and cut at the centre.
    """
    height, width = (
        max(SPATIAL_FACTOR, round(side / SPATIAL_FACTOR) * SPATIAL_FACTOR)
        for side in (clip.height, clip.width)
    )
    frames = (clip.num_frames - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1
    return lt.Sampling(height=height, width=width, num_frames=frames, fps=clip.fps)
