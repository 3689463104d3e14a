"""An ``ltx2.v2`` document: the fields of ``ltx2.v1``, and the encoded prefix.

In the payload, ``video_latents`` is ``{"safetensors_b64": ...}`` or ``{"blob_id": ...}``, and
``video`` is there only in states that are portable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from attrs import evolve

import longtake as lt
from longtake_ltx2.continuation.checks import integer, refuse
from longtake_ltx2.continuation.prefix import EncodedPrefix
from longtake_ltx2.continuation.v1.document import (
    PAYLOAD_KEYS,
    Document,
    blob_ids_in,
    payload_of,
    read_payload,
)
from longtake_ltx2.continuation.v1.parts import read_tensors, write_tensors
from longtake_ltx2.continuation.v1.writing import EncodedParts, write_payload
from longtake_ltx2.continuation.v2.latents import decode_prefix, encode_prefix
from longtake_ltx2.continuation.v2.names import LTX2_LATENTS_KIND, LTX2_LATENTS_SCHEMA_VERSION

if TYPE_CHECKING:
    from longtake_ltx2.continuation.state import LTX2ContinuationState

__all__ = ["blob_ids_of", "read_document", "write_document"]

_KEY = "video_latents"


def read_document(state: lt.ContinuationState, blobs: lt.BlobStore | None) -> Document:
    """Read ``state``; parts that are blobs stay ids without ``blobs``.

    Raises `longtake.ValidationError` with the path of the wrong field.
    """
    payload = payload_of(state, LTX2_LATENTS_KIND, LTX2_LATENTS_SCHEMA_VERSION)
    budget = lt.StateBudget()
    latents = read_tensors(payload, _KEY, blobs)
    prefix = decode_prefix(latents.files[0](), latents.path, budget) if latents.files else None
    known = PAYLOAD_KEYS | {_KEY}
    common = read_payload(payload, blobs, budget, known)
    fields = common.fields | {
        "video_latents": prefix,
        "video_latents_blob_id": latents.unfetched_id,
    }
    _check_frames(prefix, common.fields.get("video_frames"))
    return evolve(common, fields=fields, latents=latents)


def blob_ids_of(state: lt.ContinuationState) -> tuple[str, ...]:
    """The ids of the blobs that ``state`` refers to; raises like `read_document`."""
    payload = payload_of(state, LTX2_LATENTS_KIND, LTX2_LATENTS_SCHEMA_VERSION)
    latents = read_tensors(payload, _KEY, None)
    ids = blob_ids_in(payload)
    return ids if latents.blob_id is None else (*ids, latents.blob_id)


def write_document(
    value: LTX2ContinuationState, blobs: lt.BlobStore | None, inline_threshold_bytes: int
) -> lt.ContinuationState:
    """Write ``value``; parts above the threshold go to ``blobs`` when it is given.

    Raises `longtake.ValidationError` for parts of another form than the fields say.
    """
    threshold = integer(inline_threshold_bytes, "inline_threshold_bytes")
    if _KEY in value.unknown_fields:
        refuse(f"state.unknown_fields.{_KEY}", f"is a field of {LTX2_LATENTS_KIND!r}")
    budget = lt.StateBudget()
    prefix = value.video_latents
    _check_frames(prefix, value.video_frames)
    fields = attrs.asdict(value, recurse=False)
    parts = EncodedParts.of(fields, budget)
    file = b"" if prefix is None else encode_prefix(prefix, "state.video_latents", budget)
    payload = {"schema_version": LTX2_LATENTS_SCHEMA_VERSION} | write_payload(
        fields, parts, blobs, threshold
    )
    if file:
        payload[_KEY] = write_tensors(file, blobs, threshold)
    elif value.video_latents_blob_id is not None:
        payload[_KEY] = {"blob_id": value.video_latents_blob_id}
    return lt.ContinuationState(LTX2_LATENTS_KIND, payload)


def _check_frames(prefix: EncodedPrefix | None, frames: Any) -> None:
    """Refuse latents beside frames that they cannot be of."""
    if prefix is None or frames is None or not len(frames):
        return
    size, count = tuple(frames[0].shape[:2]), len(frames)
    if size != prefix.size or count != prefix.num_frames:
        refuse(
            "state.payload.video_latents",
            f"is of {prefix.num_frames} frames of {prefix.size[0]}x{prefix.size[1]} pixels (height "
            f"x width), but there are {count} of {size[0]}x{size[1]}",
        )
