"""The contract notices each planted fault in how a store is used and in how it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.testing.blobs import planted_store_failures
from tests.sdk.testing.blobs.store_contracts import broken
from tests.sdk.testing.planted import failures


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.mark.parametrize(
    ("name", "fails"),
    [(each.__name__, each.fails) for each in broken(vars(planted_store_failures))],
)
def test_a_broken_store_fails_the_test_that_names_its_fault(
    reports: Path, name: str, fails: str
) -> None:
    failed = failures("blobs/planted_store_failures.py", reports)[f"Test{name}"]
    assert {test.partition("[")[0] for test in failed} == ({fails} if fails else set())
