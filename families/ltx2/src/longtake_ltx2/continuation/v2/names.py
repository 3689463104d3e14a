"""The names of ``ltx2.v2``."""

from __future__ import annotations

__all__ = ["LTX2_LATENTS_KIND", "LTX2_LATENTS_SCHEMA_VERSION"]

LTX2_LATENTS_KIND = "ltx2.v2"

LTX2_LATENTS_SCHEMA_VERSION = 1
"""A constant of ``ltx2.v2``: another wire format is another kind, with a codec of its own."""
