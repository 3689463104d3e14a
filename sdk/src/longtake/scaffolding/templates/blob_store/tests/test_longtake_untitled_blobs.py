"""The store keeps Longtake's contract of blob stores."""

from __future__ import annotations

from pathlib import Path

import pytest

import longtake as lt
from longtake.testing import BlobStoreContract


class TestUntitled(BlobStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> lt.BlobStore:
        return lt.open_blob_store(f"untitled://{tmp_path}/blobs.db")
