"""Installed distributions for new processes, under the name that these tests know."""

from __future__ import annotations

from longtake.testing import FakeDistributions as FakeInstall
from longtake.testing import Finished

__all__ = ["FakeInstall", "Finished"]
