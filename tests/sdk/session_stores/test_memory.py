"""Sessions in the memory of one process."""

from __future__ import annotations

import pytest

import longtake as lt
from longtake.testing import SessionStoreContract


class TestMemorySessions(SessionStoreContract):
    @pytest.fixture
    def store(self) -> lt.SessionStore:
        return lt.open_session_store("memory:")
