"""The servers that the tests of stores talk to, each started once where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.servers import (
    MotoServer,
    PostgresServer,
    RcloneServer,
    RedisServer,
    missing_moto,
    missing_postgres,
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
def durable_redis(
    tmp_path_factory: pytest.TempPathFactory, _needs_redis: None
) -> Iterator[RedisServer]:
    """A Redis server that writes what it acknowledges to its disk first."""
    options = ("--appendonly", "yes", "--appendfsync", "always")
    server = RedisServer(tmp_path_factory.mktemp("durable"), *options)
    with running(server):
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, which lets its user in without a password."""
    yield from _postgres(locked=False)


@pytest.fixture(scope="session")
def locked_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that wants the password ``PostgresServer.secret``."""
    yield from _postgres(locked=True)


def _postgres(*, locked: bool) -> Iterator[PostgresServer]:
    reason = missing_postgres()
    if reason:
        pytest.skip(reason)
    with TemporaryDirectory() as folder:  # not pytest's, which only its own account may enter
        server = PostgresServer(Path(folder), locked=locked)
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
