"""What a take will run and take, from a checkpoint's configurations alone."""

from __future__ import annotations

from longtake_ltx2.estimating.run import estimate

__all__ = ["estimate"]
