"""An ``ltx2.v1`` document as the fields of the typed state."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.continuation.checks import (
    MAX_COUNT,
    SCALARS,
    checked_scalars,
    integer,
    object_,
    refuse,
    shown,
)
from longtake_ltx2.continuation.texts import read_texts, text_blob_ids, without_texts
from longtake_ltx2.continuation.v1.frames import decode_frames
from longtake_ltx2.continuation.v1.names import (
    LTX2_CONTINUATION_KIND,
    LTX2_CONTINUATION_SCHEMA_VERSION,
)
from longtake_ltx2.continuation.v1.parts import Part, read_tensors, read_video
from longtake_ltx2.continuation.v1.tensors import decode_tensor

__all__ = [
    "PAYLOAD_KEYS",
    "Document",
    "blob_ids_in",
    "blob_ids_of",
    "check_audio_context",
    "payload_of",
    "read_document",
    "read_payload",
]

PAYLOAD_KEYS = frozenset(SCALARS) | {"schema_version", "metadata", "video", "audio"}


@frozen
class Document:
    """What was read: the typed state's ``fields`` by name, and where the big parts were.

    ``latents``: of the picture; None in a kind that has none.
    """

    fields: dict[str, Any] = field(repr=False)
    video: Part
    audio: Part
    latents: Part | None = None


def read_document(state: lt.ContinuationState, blobs: lt.BlobStore | None) -> Document:
    """Read ``state``; parts that are blobs stay ids without ``blobs``.

    Raises `longtake.ValidationError` with the path of the wrong field.
    """
    payload = payload_of(state, LTX2_CONTINUATION_KIND, LTX2_CONTINUATION_SCHEMA_VERSION)
    return read_payload(payload, blobs, lt.StateBudget(), PAYLOAD_KEYS)


def read_payload(
    payload: dict[str, Any],
    blobs: lt.BlobStore | None,
    budget: lt.StateBudget,
    known: Set[str],
) -> Document:
    """The fields that both kinds have; those that are not ``known`` are kept. Raises like
    `read_document`.
    """
    fields = checked_scalars(payload)
    if "metadata" in payload:
        metadata = object_(payload["metadata"], "state.payload.metadata")
        fields["texts"] = read_texts(metadata, blobs)
        fields["metadata"] = without_texts(metadata)
    video, audio = read_video(payload, blobs), read_tensors(payload, "audio", blobs)
    fields["video_frames_blob_id"] = video.unfetched_id
    fields["audio_latents_blob_id"] = audio.unfetched_id
    if audio.files:
        latents = decode_tensor(audio.files[0](), audio.path, budget)
        check_audio_context(fields.get("audio_conditioning_num_frames", 0), latents.shape[2])
        fields["audio_latents"] = latents
    if video.files:
        fields["video_frames"] = decode_frames(video.files, video.path, budget)
    fields["unknown_fields"] = {key: payload[key] for key in payload.keys() - known}
    return Document(fields, video, audio)


def blob_ids_of(state: lt.ContinuationState) -> tuple[str, ...]:
    """The ids of the blobs that ``state`` refers to; raises like `read_document`."""
    return blob_ids_in(payload_of(state, LTX2_CONTINUATION_KIND, LTX2_CONTINUATION_SCHEMA_VERSION))


def blob_ids_in(payload: dict[str, Any]) -> tuple[str, ...]:
    """Of the frames, of the sound and of encoded prompts; raises like `read_document`."""
    parts = read_video(payload, None), read_tensors(payload, "audio", None)
    metadata = object_(payload.get("metadata", {}), "state.payload.metadata")
    ids = tuple(part.blob_id for part in parts if part.blob_id is not None)
    return ids + text_blob_ids(metadata)


def check_audio_context(wanted: int, there: int) -> None:
    """Refuse to condition on more audio latents than there are."""
    if wanted > there:
        path = "state.payload.audio_conditioning_num_frames"
        refuse(path, f"is {wanted}, but there are only {there} audio latents")


def payload_of(state: lt.ContinuationState, kind: str, known: int) -> dict[str, Any]:
    """The payload, if it says that it is of this format: by its kind, and by its schema version.

    The version is a constant of the format, and may be left out.
    """
    if state.kind != kind:
        refuse("state.kind", f"is {shown(state.kind)}; must be {kind!r}")
    payload = object_(state.payload, "state.payload")
    path = "state.payload.schema_version"
    version = integer(payload.get("schema_version", known), path, low=-MAX_COUNT)
    if version != known:
        refuse(path, f"is {version}; supported: {known}")
    return payload
