"""The contract notices each planted fault in authenticators."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.testing.authenticators.planted_authenticators import Whole, broken
from tests.sdk.testing.planted import failures


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.mark.parametrize("kind", broken(), ids=lambda kind: kind.__name__)
def test_a_broken_authenticator_fails_the_test_that_names_its_fault(
    reports: Path, kind: type[Whole]
) -> None:
    found = failures("authenticators/planted_authenticators.py", reports)
    assert found[f"Test{kind.__name__}"] == {*kind.fails}


def test_there_are_many() -> None:
    assert sum(bool(each.fails) for each in broken()) >= 8
