"""Refusing requests whose clip cannot be painted over and followed."""

from __future__ import annotations

import longtake as lt
from longtake_ltx2.clock import SegmentClock
from longtake_ltx2.conditioning.painting import decided_shares

__all__ = ["KEEPS_ALL", "check_painting", "check_there_is_a_clip"]

KEEPS_ALL = "keeps all of the clip: what is white in it is what `white` says, remade or kept"


def check_there_is_a_clip(job: lt.Job) -> None:
    """Raises `longtake.ValidationError` for a request that brings nothing to paint over."""
    if job.inputs.source is None:
        raise lt.ValidationError(
            "inputs.source", "is missing; this preset remakes places of a clip: give one"
        )


def check_painting(source: lt.SourceInput, inputs: lt.DecodedInputs, segment: SegmentClock) -> None:
    """Refuse a clip of which no place is to be made, or that is not as long as the segment.

    It may lie over frames that the segment repeats. Raises `longtake.ValidationError`.
    """
    has_padding = any(map(sum, source.padding))
    if source.mask is None and not has_padding:
        raise lt.ValidationError(
            "inputs.source.mask",
            "is missing, and the clip gets no padding; this preset remakes places of it: say "
            "which (mask), or make it larger (pad_top, pad_right, pad_bottom, pad_left)",
        )
    frames, count = len(inputs.source_frames()), segment.num_frames
    if source.frame_in(count) or frames != count:
        length = "data" if source.num_frames is None else "num_frames"
        raise lt.ValidationError(
            f"inputs.source.{'frame' if source.frame_in(count) else length}",
            f"has {frames} frames from frame {source.frame_in(count)} on; with this preset the "
            f"clip fills the segment, which has {count}: make that as long, or cut the clip",
        )
    shares = inputs.source_shares()
    if shares is not None and not decided_shares(shares).any():
        raise lt.ValidationError("inputs.source.mask.data", KEEPS_ALL)
