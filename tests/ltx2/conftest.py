"""Random checkpoints, written once for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ltx2.support import Checkpoints


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkpoints]:
    """Random checkpoints by generation and size, each made when first asked for."""
    made = Checkpoints(tmp_path_factory.mktemp("checkpoints"))
    yield made
    assert made.changed() == [], "A test wrote into a checkpoint that all tests share."


@pytest.fixture(scope="session")
def tiny(checkpoints: Checkpoints) -> Path:
    """The tiny checkpoint of generation 2.0."""
    return checkpoints.path("2.0", "tiny")
