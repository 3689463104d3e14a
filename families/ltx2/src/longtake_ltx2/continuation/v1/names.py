"""The names and limits that other implementations of ``ltx2.v1`` know too."""

from __future__ import annotations

__all__ = [
    "DEFAULT_INLINE_THRESHOLD_BYTES",
    "LTX2_CONTINUATION_KIND",
    "LTX2_CONTINUATION_SCHEMA_VERSION",
]

LTX2_CONTINUATION_KIND = "ltx2.v1"

LTX2_CONTINUATION_SCHEMA_VERSION = 1
"""A constant of ``ltx2.v1``: another wire format is another kind, with a codec of its own."""

DEFAULT_INLINE_THRESHOLD_BYTES = 2 * 1024 * 1024
"""Below common limits of one message (4 MiB), above one PNG frame of 512x512 (about 200 KiB)."""
