"""The contract notices each planted fault that shows in several processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.testing.blobs import planted_folder_stores
from tests.sdk.testing.blobs.store_contracts import broken
from tests.sdk.testing.planted import failures


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.mark.parametrize(
    ("name", "fails"),
    [(each.__name__, each.fails) for each in broken(vars(planted_folder_stores))],
)
def test_a_broken_store_fails_the_test_that_names_its_fault(
    reports: Path, name: str, fails: str
) -> None:
    failed = failures("blobs/planted_folder_stores.py", reports)[f"Test{name}"]
    assert {test.partition("[")[0] for test in failed} == ({fails} if fails else set())
