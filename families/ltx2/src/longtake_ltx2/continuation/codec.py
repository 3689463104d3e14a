"""The codecs, as the plugin declares them: light, the work is imported when done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import longtake as lt
from longtake_ltx2.continuation.v1.names import (
    DEFAULT_INLINE_THRESHOLD_BYTES,
    LTX2_CONTINUATION_KIND,
    LTX2_CONTINUATION_SCHEMA_VERSION,
)
from longtake_ltx2.continuation.v2.names import LTX2_LATENTS_KIND, LTX2_LATENTS_SCHEMA_VERSION

if TYPE_CHECKING:
    from longtake_ltx2.continuation.state import LTX2ContinuationState

__all__ = ["LTX2ContinuationCodec", "LTX2LatentsCodec"]


class LTX2ContinuationCodec(lt.Frozen):
    """Reads and writes the states of kind ``ltx2.v1``.

    ``inline_threshold_bytes``: larger parts go to the blob store, when there is one.
    """

    __slots__ = ("inline_threshold_bytes",)

    def __init__(self, inline_threshold_bytes: int = DEFAULT_INLINE_THRESHOLD_BYTES) -> None:
        self.inline_threshold_bytes: Final = inline_threshold_bytes

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
        return summary_of(value, document, schema_version=LTX2_CONTINUATION_SCHEMA_VERSION)


class LTX2LatentsCodec(lt.Frozen):
    """Reads and writes the states of kind ``ltx2.v2``.

    They carry what the next segment would encode the frames to, instead of the frames: a fraction
    of the bytes, and no VAE runs to go on from them. A state that has frames is written with both.

    ``inline_threshold_bytes``: larger parts go to the blob store, when there is one.
    """

    __slots__ = ("inline_threshold_bytes",)

    def __init__(self, inline_threshold_bytes: int = DEFAULT_INLINE_THRESHOLD_BYTES) -> None:
        self.inline_threshold_bytes: Final = inline_threshold_bytes

    @property
    def kind(self) -> str:
        """``"ltx2.v2"``."""
        return LTX2_LATENTS_KIND

    @property
    def state_type(self) -> type[LTX2ContinuationState]:
        """The typed state."""
        from longtake_ltx2.continuation.state import LTX2ContinuationState

        return LTX2ContinuationState

    def encode(
        self, value: LTX2ContinuationState, blobs: lt.BlobStore | None = None
    ) -> lt.ContinuationState:
        """Write the state.

        A part that is larger than the threshold when encoded goes to ``blobs`` when it is given; a
        part that was never fetched stays a reference. Raises `longtake.ValidationError` for frames
        or latents of another form than the fields say.
        """
        from longtake_ltx2.continuation.v2.document import write_document

        return write_document(value, blobs, self.inline_threshold_bytes)

    def decode(
        self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None
    ) -> LTX2ContinuationState:
        """Read a state that may come from anywhere.

        Without ``blobs``, parts that are blobs stay ids. Raises `longtake.ValidationError` with the
        path of the wrong field; a blob store's other errors pass through.
        """
        from longtake_ltx2.continuation.v2.document import read_document

        return self.state_type(**read_document(state, blobs).fields)

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        """The ids of the blobs of frames, sound and picture latents, of those that are blobs."""
        from longtake_ltx2.continuation.v2.document import blob_ids_of

        return blob_ids_of(state)

    def summarize(
        self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None
    ) -> lt.StateSummary:
        """What is in ``state``, with its frames as far as they are at hand."""
        from longtake_ltx2.continuation.summary import summary_of
        from longtake_ltx2.continuation.v2.document import read_document

        document = read_document(state, blobs)
        value = self.state_type(**document.fields)
        return summary_of(value, document, schema_version=LTX2_LATENTS_SCHEMA_VERSION)
