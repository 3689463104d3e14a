"""What can be said of a state whose codec has no `summarize`."""

from __future__ import annotations

from typing import Any

from longtake.blobs.powers import SupportsStat
from longtake.blobs.protocol import BlobStore
from longtake.errors import BlobError, ValidationError
from longtake.states.state import ContinuationCodec, ContinuationState, StatePart, StateSummary

__all__ = ["plain_summary"]


def plain_summary(
    codec: ContinuationCodec[Any], state: ContinuationState, store: BlobStore | None
) -> StateSummary:
    """Its version and segment, and the sizes of the document and of its blobs.

    Without the store, the segment is known where the payload says it. Raises `ValidationError` for
    a state that ``codec`` refuses.
    """
    document = StatePart("document", "inline", len(state.to_json().encode()), "")
    blobs = [_blob(number, each, store) for number, each in enumerate(codec.blob_ids(state), 1)]
    inner = state.payload.get("state")
    index = _whole(state.payload, "segment_index")
    if index is None and isinstance(inner, dict):
        index = _whole(inner, "segment_index")
    if store is not None or not blobs:
        index = codec.decode(state, store).segment_index
    version = _whole(state.payload, "schema_version")
    return StateSummary(version, index, (document, *blobs))


def _blob(number: int, blob_id: str, store: BlobStore | None) -> StatePart:
    """The size of a blob; of one in no store that is given it is not known."""
    num_bytes = None
    if store is not None:
        try:
            num_bytes = (
                store.stat(blob_id).size
                if isinstance(store, SupportsStat)
                else len(store.get(blob_id))
            )
        except BlobError as error:
            raise ValidationError(f"blob {number}", f"cannot be read: {error}") from error
    return StatePart(f"blob {number}", f"blob:{blob_id}", num_bytes, "")


def _whole(payload: dict[str, Any], name: str) -> int | None:
    found = payload.get(name)
    return found if type(found) is int else None
