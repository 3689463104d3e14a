"""The store keeps Longtake's contract of session stores."""

from __future__ import annotations

from pathlib import Path

import pytest

import longtake as lt
from longtake.testing import SessionStoreContract


class TestUntitled(SessionStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> lt.SessionStore:
        return lt.open_session_store(f"untitled://{tmp_path}/sessions.db")
