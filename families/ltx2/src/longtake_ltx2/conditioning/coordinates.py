"""Where tokens lie in time and space: the bounds that RoPE takes the midpoints of.

Seconds first, then pixel rows and columns. As diffusers' ``LTX2AudioVideoRotaryPosEmbed`` and
``LTX2ConditionPipeline._prepare_keyframe_coords`` (ltx-core ``VideoConditionByKeyframeIndex``),
in fp32 and in the same order of operations.
"""

from __future__ import annotations

import torch

from longtake_ltx2.clock import SegmentClock
from longtake_ltx2.sizes import SPATIAL_FACTOR
from longtake_ltx2.values import TEMPORAL_FACTOR, Geometry

__all__ = [
    "audio_coordinates",
    "keyframe_coordinates",
    "reference_coordinates",
    "video_coordinates",
    "voice_coordinates",
]

_MEL_FRAMES_PER_LATENT = 4
_MEL_FRAMES_PER_SECOND = 100
_LATENT_SECONDS = 0.04
_FIRST_LATENT_SECONDS = 0.03
"""An audio latent inside a take lasts 40 ms; only a take's very first is cut to its last 10 ms."""


def video_coordinates(
    geometry: Geometry, device: torch.device | str, *, offset: float | None = None
) -> torch.Tensor:
    """Bounds ``[1, 3, F*H*W, 2]`` of a segment's own tokens.

    The first latent frame is one pixel frame, every other eight. ``offset``: seconds by which all
    shift; the clock's when None.
    """
    starts = torch.arange(geometry.latent_frames, dtype=torch.float32, device=device)
    bounds = torch.stack([starts, starts + 1], dim=-1) * TEMPORAL_FACTOR
    bounds = (bounds + 1 - TEMPORAL_FACTOR).clamp(min=0)
    return _shifted(_on_grid(bounds, geometry), geometry, offset)


def keyframe_coordinates(
    frames: int,
    first_frame: int,
    geometry: Geometry,
    device: torch.device | str,
    *,
    offset: float | None = None,
) -> torch.Tensor:
    """Bounds ``[1, 3, T, 2]`` of tokens that are appended to a segment.

    They encode ``frames`` pixel frames that lie from ``first_frame`` on. All their latent frames
    last eight pixel frames, but a still image lasts one, and so does the first latent frame of a
    clip at frame 0.
    """
    latent_frames = (frames - 1) // TEMPORAL_FACTOR + 1
    starts = torch.arange(latent_frames, dtype=torch.float32, device=device)
    bounds = torch.stack([starts, starts + 1], dim=-1) * TEMPORAL_FACTOR + first_frame
    if first_frame == 0:
        bounds = (bounds + 1 - TEMPORAL_FACTOR).clamp(min=0)
    if frames == 1:
        bounds[:, 1] = bounds[:, 0] + 1
    return _shifted(_on_grid(bounds, geometry), geometry, offset)


def reference_coordinates(
    frames: int,
    small: Geometry,
    device: torch.device | str,
    *,
    space: int,
    time: int,
    offset: float | None = None,
) -> torch.Tensor:
    """Bounds ``[1, 3, T, 2]`` of a reference of ``frames`` frames, at the segment's own places.

    ``small``: its size. Its pixels are ``space`` times as large as the segment's; its frames last
    ``time`` times as long, but for the first (ltx-core ``VideoConditionByReferenceLatent``).
    """
    starts = torch.arange((frames - 1) // TEMPORAL_FACTOR + 1, dtype=torch.float32, device=device)
    bounds = torch.stack([starts, starts + 1], dim=-1) * TEMPORAL_FACTOR
    bounds = _on_grid((bounds + 1 - TEMPORAL_FACTOR).clamp(min=0), small)
    fps = float(small.clock.fps)
    bounds[:, 0] = bounds[:, 0] / (fps / time)
    if time != 1:
        one_frame = torch.ones((), device=device) / fps
        bounds[:, 0] = (bounds[:, 0] - (time - 1) * one_frame).clamp(min=0)
    bounds[:, 0] += _shift(small, offset)
    bounds[:, 1:] *= space
    return bounds


def _on_grid(frame_bounds: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """Frame bounds ``[F, 2]``, repeated over the rows and columns: ``[1, 3, F*H*W, 2]``."""
    device = frame_bounds.device
    pixels = []
    for size in (geometry.latent_height, geometry.latent_width):
        starts = torch.arange(size, dtype=torch.float32, device=device)
        pixels.append(torch.stack([starts, starts + 1], dim=-1) * SPATIAL_FACTOR)
    rows, columns = pixels
    shape = (len(frame_bounds), len(rows), len(columns), 2)
    axes = (
        frame_bounds[:, None, None].expand(shape),
        rows[None, :, None].expand(shape),
        columns[None, None].expand(shape),
    )
    return torch.stack([axis.flatten(0, 2) for axis in axes]).unsqueeze(0)


def _shifted(bounds: torch.Tensor, geometry: Geometry, offset: float | None) -> torch.Tensor:
    bounds[:, 0] = bounds[:, 0] / float(geometry.clock.fps) + _shift(geometry, offset)
    return bounds


def _shift(geometry: Geometry, offset: float | None) -> float:
    return float(geometry.clock.position_offset) if offset is None else offset


def audio_coordinates(clock: SegmentClock, device: torch.device | str) -> torch.Tensor:
    """Bounds ``[1, 1, L, 2]`` in seconds."""
    bounds = _sound_bounds(clock.num_latents, device)
    if clock.first_latent > 0:
        bounds[0, 0] = -_FIRST_LATENT_SECONDS
    return bounds[None, None]


def voice_coordinates(
    latents: int, clock: SegmentClock, device: torch.device | str, *, before: bool
) -> torch.Tensor:
    """Bounds ``[1, 1, L, 2]`` in seconds of a sound that is appended to a segment's.

    ``before``: it ends 40 ms before the first of the segment's own (ltx-pipelines ``dubit``), which
    may itself begin before 0; else it begins with the segment's first frame.
    """
    bounds = _sound_bounds(latents, device)
    if before:
        bounds = bounds - bounds[-1, 1] - _LATENT_SECONDS
        return (bounds - (_FIRST_LATENT_SECONDS if clock.first_latent > 0 else 0.0))[None, None]
    return (bounds + float(clock.position_offset))[None, None]


def _sound_bounds(latents: int, device: torch.device | str) -> torch.Tensor:
    """``[L, 2]`` of a sound from 0 on."""
    starts = torch.arange(latents, dtype=torch.float32, device=device)
    mel = torch.stack([starts, starts + 1], dim=-1) * _MEL_FRAMES_PER_LATENT
    mel = (mel + 1 - _MEL_FRAMES_PER_LATENT).clamp(min=0)
    return mel / _MEL_FRAMES_PER_SECOND
