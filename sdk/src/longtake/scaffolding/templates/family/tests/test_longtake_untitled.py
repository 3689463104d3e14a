"""The family keeps Longtake's contract of model families, and its states that of codecs."""

from __future__ import annotations

from typing import Any

import pytest

from longtake.testing import FamilyContract


class TestUntitled(FamilyContract):
    @pytest.fixture
    def plugin(self) -> str:
        return "longtake_untitled"

    @pytest.fixture
    def sampling(self) -> dict[str, Any]:
        return {"height": 36, "width": 64, "num_frames": 25}
