from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.fake_distributions import FakeInstall


@pytest.fixture
def installed(tmp_path: Path) -> FakeInstall:
    """Nothing is installed yet but what really is."""
    return FakeInstall(tmp_path)
