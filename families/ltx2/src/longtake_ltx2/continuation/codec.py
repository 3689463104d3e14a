"""The codec of ``ltx2.v1``, as the plugin declares it: light, the work is imported when done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

import longtake as lt
from longtake_ltx2.continuation.v1.names import (
    DEFAULT_INLINE_THRESHOLD_BYTES,
    LTX2_CONTINUATION_KIND,
    LTX2_CONTINUATION_SCHEMA_VERSION,
)

if TYPE_CHECKING:
    from longtake_ltx2.continuation.state import LTX2ContinuationState

__all__ = ["LTX2ContinuationCodec"]


@frozen
class LTX2ContinuationCodec:
    """Reads and writes the states of kind ``ltx2.v1``.

    ``inline_threshold_bytes``: larger parts go to the blob store, when there is one.
    """

    inline_threshold_bytes: int = DEFAULT_INLINE_THRESHOLD_BYTES

    @property
    def kind(self) -> str:
        """``"ltx2.v1"``."""
        return LTX2_CONTINUATION_KIND

    @property
    def state_type(self) -> type[LTX2ContinuationState]:
        """The typed state."""
        from longtake_ltx2.continuation.state import LTX2ContinuationState

        return LTX2ContinuationState

    def encode(
        self, value: LTX2ContinuationState, blobs: lt.BlobStore | None = None
    ) -> lt.ContinuationState:
        """See `LTX2ContinuationState.to_continuation_state`."""
        return value.to_continuation_state(
            blob_store=blobs, inline_threshold_bytes=self.inline_threshold_bytes
        )

    def decode(
        self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None
    ) -> LTX2ContinuationState:
        """See `LTX2ContinuationState.from_continuation_state`."""
        return self.state_type.from_continuation_state(state, blob_store=blobs)

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        """The ids of the frames' and the latents' blobs, in this order, of those that are blobs."""
        from longtake_ltx2.continuation.v1.document import blob_ids_of

        return blob_ids_of(state)

    def summarize(
        self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None
    ) -> lt.StateSummary:
        """What is in ``state``, with its frames as far as they are at hand."""
        from longtake_ltx2.continuation.summary import summary_of
        from longtake_ltx2.continuation.v1.document import read_document

        document = read_document(state, blobs)
        value = self.state_type(**document.fields)
        version = LTX2_CONTINUATION_SCHEMA_VERSION
        return summary_of(value, document.video, document.audio, schema_version=version)
