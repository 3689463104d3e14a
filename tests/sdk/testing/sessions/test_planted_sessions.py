"""The contract notices each planted fault in session stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.testing.planted import failures
from tests.sdk.testing.sessions import planted_sessions
from tests.sdk.testing.sessions.session_contracts import broken

STORES = broken(vars(planted_sessions))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.mark.parametrize(("name", "fails"), [(each.__name__, each.fails) for each in STORES])
def test_a_broken_store_fails_the_test_that_names_its_fault(
    reports: Path, name: str, fails: tuple[str, ...]
) -> None:
    failed = failures("sessions/planted_sessions.py", reports)[f"Test{name}"]
    assert {test.partition("[")[0] for test in failed} == set(fails)


def test_there_are_many() -> None:
    assert sum(bool(each.fails) for each in STORES) >= 20
