"""The state of an LTX-2 take, and its wire forms; imported when first used."""

from __future__ import annotations

from longtake_ltx2.continuation.v1.names import (
    DEFAULT_INLINE_THRESHOLD_BYTES,
    LTX2_CONTINUATION_KIND,
    LTX2_CONTINUATION_SCHEMA_VERSION,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longtake_ltx2.continuation.codec import LTX2ContinuationCodec, LTX2LatentsCodec
    from longtake_ltx2.continuation.prefix import EncodedPrefix
    from longtake_ltx2.continuation.state import LTX2ContinuationState
    from longtake_ltx2.continuation.texts import CarriedTexts
    from longtake_ltx2.continuation.v2.names import LTX2_LATENTS_KIND
else:
    _HOMES = {
        "CarriedTexts": "texts",
        "EncodedPrefix": "prefix",
        "LTX2_LATENTS_KIND": "v2.names",
        "LTX2ContinuationCodec": "codec",
        "LTX2ContinuationState": "state",
        "LTX2LatentsCodec": "codec",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "DEFAULT_INLINE_THRESHOLD_BYTES",
    "LTX2_CONTINUATION_KIND",
    "LTX2_CONTINUATION_SCHEMA_VERSION",
    "LTX2_LATENTS_KIND",
    "CarriedTexts",
    "EncodedPrefix",
    "LTX2ContinuationCodec",
    "LTX2ContinuationState",
    "LTX2LatentsCodec",
]
