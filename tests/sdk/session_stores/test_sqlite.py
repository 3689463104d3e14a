"""Sessions in one SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.testing import SessionStoreContract


class TestSqliteSessions(SessionStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Any]:
        store: Any = lt.open_session_store(f"sqlite://{tmp_path}/takes.db")
        yield store
        store.close()
