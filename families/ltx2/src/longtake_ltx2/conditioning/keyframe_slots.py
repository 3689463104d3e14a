"""Pictures that are made beside a segment: each is a frame of it with a latent frame of its own.

As ltx-core's ``VideoGeneratedKeyframeSlots``: where there is one, the segment attends to more than
a latent of eight frames can hold. Networks that learned a mark for tokens of a single frame (2.5)
make them, and no others.
"""

from __future__ import annotations

import torch

import longtake as lt
from longtake_ltx2.conditioning.coordinates import keyframe_coordinates
from longtake_ltx2.conditioning.tokens import ConditioningTokens
from longtake_ltx2.numerics import Numerics
from longtake_ltx2.stage_overrides import LTX2PreparationOptions
from longtake_ltx2.values import Geometry

__all__ = ["check_slots", "slot_frames", "slot_tokens"]

_COUNT, _FRAMES = "options.keyframe_slots", "options.keyframe_slot_frames"


def slot_frames(options: LTX2PreparationOptions, num_frames: int, repeated: int) -> tuple[int, ...]:
    """Where they stand in a segment whose first ``repeated`` frames are of the one before.

    So many are spread evenly between its ends, which have none, or behind those frames (half a
    frame is rounded to an even number, as ltx-pipelines' ``evenly_spaced_keyframe_positions``).
    """
    if not options.keyframe_slots:
        return tuple(sorted(options.keyframe_slot_frames))
    first = max(0, repeated - 1)
    spread = torch.linspace(first, num_frames - 1, options.keyframe_slots + 2)
    return tuple(int(each) for each in spread.round()[1:-1].tolist())


def check_slots(
    options: LTX2PreparationOptions,
    job: lt.Job,
    numerics: Numerics,
    repeated: int,
    *,
    has_mark: bool,
) -> None:
    """Refuse pictures where there is no room for them, and of networks that cannot make them.

    ``has_mark``: whether the network learned the mark. Raises `longtake.ValidationError`.
    """
    path = _COUNT if options.keyframe_slots else _FRAMES
    frames, given = job.sampling.num_frames, options.keyframe_slot_frames
    if not (options.keyframe_slots or given):
        return
    if options.keyframe_slots and given:
        raise lt.ValidationError(_FRAMES, "is not taken beside keyframe_slots; say one of both")
    if not has_mark:
        raise lt.ValidationError(path, "needs a transformer of 2.5, which learned to make them")
    if not numerics.marks_first_frame:
        raise lt.ValidationError(path, f"is not taken with numerics={numerics.name!r}")
    if not job.output.video:
        raise lt.ValidationError(path, "has no effect without output.video")
    free = frames - max(2, repeated + 1)
    if options.keyframe_slots > free:
        raise lt.ValidationError(
            path,
            f"is {options.keyframe_slots}; between the ends of what is new there are {free} frames",
        )
    if not given:
        return
    if max(given) >= frames:
        raise lt.ValidationError(path, f"has {max(given)}; the segment has {frames} frames")
    if min(given) < repeated:
        raise lt.ValidationError(
            path, f"has {min(given)}; frames 0 to {repeated - 1} are those of the segment before"
        )


def slot_tokens(
    frames: tuple[int, ...],
    geometry: Geometry,
    channels: int,
    device: torch.device | str,
    *,
    offset: float | None = None,
) -> ConditioningTokens:
    """All of them as they are appended to a segment: nothing but noise, each a frame long."""
    places = [keyframe_coordinates(1, frame, geometry, device, offset=offset) for frame in frames]
    coordinates = torch.cat(places, dim=2)
    tokens = torch.zeros(1, coordinates.shape[2], channels, device=device)
    return ConditioningTokens(tokens, 1.0, None, coordinates, is_slots=True)
