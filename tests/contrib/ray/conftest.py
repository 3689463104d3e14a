"""What the tests that roll in a cluster share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import longtake as lt


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cluster of this machine, for the tests of one file."""
    pytest.importorskip("longtake_ray")
    from tests.contrib.ray.cluster import cluster, installed

    folder = tmp_path_factory.mktemp("installed")
    installed(folder, version="0.1")
    with cluster(folder):
        yield


@pytest.fixture
def sessions(tmp_path: Path) -> lt.SessionStore:
    """A store that processes share."""
    return lt.open_session_store(f"sqlite:///{tmp_path}/takes.db")
