"""The contract of codecs names what is broken on purpose: one test fails, no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.testing.codecs import planted_codecs
from tests.sdk.testing.planted import failures


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.mark.parametrize(
    ("name", "fails"),
    [(each.__name__, each.fails) for each in planted_codecs.planted(vars(planted_codecs))],
)
def test_a_broken_codec_fails_the_test_that_names_its_fault(
    reports: Path, name: str, fails: str
) -> None:
    assert failures("codecs/planted_codecs.py", reports)[name] == ({fails} if fails else set())
