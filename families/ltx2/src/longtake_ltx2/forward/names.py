"""Who can compute the transformer's forward, by name."""

from __future__ import annotations

from typing import Literal

__all__ = ["ForwardName"]

ForwardName = Literal["exact", "plain"]
"""``exact``: with less work, to rounding. ``plain``: as diffusers' own forward does."""
