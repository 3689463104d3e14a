from __future__ import annotations

import pytest

from longtake.testing import FakeDistributions


@pytest.fixture
def installed(longtake_distributions: FakeDistributions) -> FakeDistributions:
    """Nothing is installed yet but what really is."""
    return longtake_distributions
