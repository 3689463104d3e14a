"""What a step and a state are known by: digests of their content, the same in every store."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from longtake.blobs.powers import SupportsStat
from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError
from longtake.sessions.manifest import with_blob_ids
from longtake.states.state import ContinuationState

__all__ = ["state_digest"]


def state_digest(state: ContinuationState, blob_ids: Sequence[str], blobs: BlobStore | None) -> str:
    """``sha256:`` and the hash of ``state``, with the hash of each blob in the place of its id.

    So equal states of different stores have one digest. ``blob_ids``: those that it refers to.
    Raises `ValidationError` when there are some and no store, and what ``blobs`` raises.
    """
    if not blob_ids:
        return state.digest()
    if blobs is None:
        raise ValidationError("blobs", "the state refers to blobs; say where they are")
    return with_blob_ids(state, {each: _digest(each, blobs) for each in blob_ids}).digest()


def _digest(blob_id: str, blobs: BlobStore) -> str:
    if isinstance(blobs, SupportsStat):
        return blobs.stat(blob_id).sha256.hex()
    return sha256(blobs.get(blob_id)).hexdigest()
