"""The contract of families names what is broken on purpose: one test fails, no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.testing.families import planted_families
from tests.sdk.testing.planted import failures

REFUSED_BY_RUNS = {"TestOneFrameMore", "TestFloatFrames"}
"""Their pictures never leave a run, so whatever rolls a segment fails."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.mark.parametrize(
    ("name", "fails"),
    [(each.__name__, each.fails) for each in planted_families.planted(vars(planted_families))],
)
def test_a_broken_family_fails_the_test_that_names_its_fault(
    reports: Path, name: str, fails: str
) -> None:
    failed = failures("families/planted_families.py", reports)[name]
    if name in REFUSED_BY_RUNS:
        assert fails in failed
    else:
        assert failed == ({fails} if fails else set())
