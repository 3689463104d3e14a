"""Processes that leave out what takes them seconds to import and has nothing to do with a test."""

from __future__ import annotations

__all__ = ["WITHOUT_LTX2"]

WITHOUT_LTX2 = {"LONGTAKE_BLOCK": "longtake-ltx2,longtake-ltx2-tiny"}
"""Environment of a doctor, which imports all that a plugin names."""
