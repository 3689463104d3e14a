"""What ``longtake inspect`` shows of an LTX-2 state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import longtake as lt
from longtake_ltx2.continuation.v1.parts import Part

if TYPE_CHECKING:
    from longtake_ltx2.continuation.state import LTX2ContinuationState
    from longtake_ltx2.continuation.v1.document import Document

__all__ = ["summary_of"]


def summary_of(
    state: LTX2ContinuationState, document: Document, *, schema_version: int
) -> lt.StateSummary:
    """The contents of ``state``, which was read from ``document``."""
    video, audio, latents = document.video, document.audio, document.latents
    parts = [
        lt.StatePart("video frames", video.where, video.num_bytes, _frames_detail(state, video)),
        lt.StatePart("audio latents", audio.where, audio.num_bytes, _audio_detail(state, audio)),
    ]
    if latents is not None:
        detail = _latents_detail(state, latents)
        parts.insert(1, lt.StatePart("video latents", latents.where, latents.num_bytes, detail))
    frames = tuple(state.video_frames or ())
    return lt.StateSummary(schema_version, state.segment_index, tuple(parts), frames)


def _frames_detail(state: LTX2ContinuationState, video: Part) -> str:
    if state.video_frames:
        height, width = state.video_frames[0].shape[:2]
        return f"{len(state.video_frames)} frames of {width}x{height}"
    if video.unfetched_id is None:
        return ""
    return (
        "not fetched" if video.frame_count is None else f"{video.frame_count} frames, not fetched"
    )


def _audio_detail(state: LTX2ContinuationState, audio: Part) -> str:
    if state.audio_latents is None:
        return "" if audio.unfetched_id is None else "not fetched"
    dtype = str(state.audio_latents.dtype).removeprefix("torch.")
    context = state.audio_conditioning_num_frames
    return f"{dtype} {list(state.audio_latents.shape)}, last {context} condition"


def _latents_detail(state: LTX2ContinuationState, latents: Part) -> str:
    prefix = state.video_latents
    if prefix is None:
        return "" if latents.unfetched_id is None else "not fetched"
    dtype = str(prefix.latents[0].dtype).removeprefix("torch.")
    shapes = ", ".join(str(list(each.shape)) for each in prefix.latents)
    height, width = prefix.size
    return f"{dtype} {shapes}, of {prefix.num_frames} frames of {width}x{height}"
