"""A family without weights passes the contract of families."""

from __future__ import annotations

from typing import Any

import pytest

from longtake.testing import FamilyContract


@pytest.mark.longtake_no_leaked_stores
class TestFog(FamilyContract):
    MANY = 100_000
    two_segments_are_one_long = False

    @pytest.fixture
    def plugin(self) -> str:
        return "tests.sdk.testing.families.fog"

    @pytest.fixture
    def sampling(self) -> dict[str, Any]:
        return {"height": 6, "width": 8}
