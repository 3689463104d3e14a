"""The state of an LTX-2 take, and its wire form ``ltx2.v1``; imported when first used."""

from __future__ import annotations

from longtake_ltx2.continuation.v1.names import (
    DEFAULT_INLINE_THRESHOLD_BYTES,
    LTX2_CONTINUATION_KIND,
    LTX2_CONTINUATION_SCHEMA_VERSION,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longtake_ltx2.continuation.codec import LTX2ContinuationCodec
    from longtake_ltx2.continuation.state import LTX2ContinuationState
else:

    def __getattr__(name):
        if name == "LTX2ContinuationCodec":
            from longtake_ltx2.continuation.codec import LTX2ContinuationCodec

            return LTX2ContinuationCodec
        if name == "LTX2ContinuationState":
            from longtake_ltx2.continuation.state import LTX2ContinuationState

            return LTX2ContinuationState
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "DEFAULT_INLINE_THRESHOLD_BYTES",
    "LTX2_CONTINUATION_KIND",
    "LTX2_CONTINUATION_SCHEMA_VERSION",
    "LTX2ContinuationCodec",
    "LTX2ContinuationState",
]
