"""The typed state's fields as an ``ltx2.v1`` document, whose payload ``ltx2.v2`` shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.continuation.checks import checked_scalars, integer, refuse
from longtake_ltx2.continuation.texts import with_texts
from longtake_ltx2.continuation.v1.document import check_audio_context
from longtake_ltx2.continuation.v1.frames import encode_frames
from longtake_ltx2.continuation.v1.names import (
    LTX2_CONTINUATION_KIND,
    LTX2_CONTINUATION_SCHEMA_VERSION,
)
from longtake_ltx2.continuation.v1.parts import write_tensors, write_video
from longtake_ltx2.continuation.v1.tensors import encode_tensor

__all__ = ["EncodedParts", "write_document", "write_payload"]


@frozen
class EncodedParts:
    """The blob of the frames and the safetensors file of the sound; empty where there is none."""

    video: bytes = field(repr=False)
    audio: bytes = field(repr=False)

    @classmethod
    def of(cls, fields: Mapping[str, Any], budget: lt.StateBudget) -> EncodedParts:
        """All of them before any is stored, so that nothing is stored for a bad state."""
        latents, frames = fields["audio_latents"], fields["video_frames"]
        video, audio = b"", b""
        if latents is not None:
            audio = encode_tensor(latents, "state.audio_latents", budget)
            check_audio_context(fields["audio_conditioning_num_frames"], latents.shape[2])
        if frames is not None and len(frames):
            video = encode_frames(frames, "state.video_frames", budget)
        return cls(video, audio)


def write_document(
    fields: Mapping[str, Any], blobs: lt.BlobStore | None, inline_threshold_bytes: int
) -> lt.ContinuationState:
    """A state of these ``fields``. See `LTX2ContinuationState.to_continuation_state`."""
    threshold = integer(inline_threshold_bytes, "inline_threshold_bytes")
    if _has(fields, "video_latents") and not _has(fields, "video_frames"):
        refuse(
            "state.video_frames",
            f"are not there, only their latents, and {LTX2_CONTINUATION_KIND!r} carries frames; "
            "write it as 'ltx2.v2', or make the state with portable_states",
        )
    payload = write_payload(fields, EncodedParts.of(fields, lt.StateBudget()), blobs, threshold)
    payload["schema_version"] = LTX2_CONTINUATION_SCHEMA_VERSION
    return lt.ContinuationState(LTX2_CONTINUATION_KIND, payload)


def write_payload(
    fields: Mapping[str, Any], parts: EncodedParts, blobs: lt.BlobStore | None, threshold: int
) -> dict[str, Any]:
    """The fields that both kinds have, ``parts`` stored; parts never fetched stay references."""
    payload = dict(fields["unknown_fields"]) | {
        "metadata": with_texts(fields["metadata"], fields["texts"], blobs),
        **checked_scalars({name: each for name, each in fields.items() if each is not None}),
    }
    if parts.video:
        payload["video"] = write_video(parts.video, blobs, threshold)
    elif fields["video_frames_blob_id"] is not None:
        payload["video"] = {"blob_id": fields["video_frames_blob_id"]}
    if parts.audio:
        payload["audio"] = write_tensors(parts.audio, blobs, threshold)
    elif fields["audio_latents_blob_id"] is not None:
        payload["audio"] = {"blob_id": fields["audio_latents_blob_id"]}
    return payload


def _has(fields: Mapping[str, Any], part: str) -> bool:
    value = fields[part]
    is_there = value is not None and (part == "video_latents" or len(value) > 0)
    return is_there or fields[f"{part}_blob_id"] is not None
