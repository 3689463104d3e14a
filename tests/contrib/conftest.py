"""The servers that the tests of blob stores talk to, each started once where it is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import (
    MotoServer,
    RcloneServer,
    RedisServer,
    missing_moto,
    missing_rclone,
    missing_redis,
    running,
)


@pytest.fixture(scope="session")
def _needs_redis() -> None:
    reason = missing_redis()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def redis_server(
    tmp_path_factory: pytest.TempPathFactory, _needs_redis: None
) -> Iterator[RedisServer]:
    """A Redis server without persistence, for all tests of this process."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server


@pytest.fixture(scope="session")
def locked_server(
    tmp_path_factory: pytest.TempPathFactory, _needs_redis: None
) -> Iterator[RedisServer]:
    """A Redis server that wants the password ``RedisServer.secret``."""
    server = RedisServer(tmp_path_factory.mktemp("locked"), *RedisServer.LOCKED)
    with running(server):
        yield server


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoServer]:
    """moto's S3, for all tests of this process."""
    reason = missing_moto()
    if reason:
        pytest.skip(reason)
    server = MotoServer(tmp_path_factory.mktemp("moto"))
    with running(server):
        yield server


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RcloneServer]:
    """rclone's S3 over a folder, for all tests of this process."""
    reason = missing_rclone()
    if reason:
        pytest.skip(reason)
    server = RcloneServer(tmp_path_factory.mktemp("rclone"))
    with running(server):
        yield server
