"""Sessions of longtake-redis beside a real server."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import longtake as lt
from longtake.testing import SessionStoreContract
from longtake.testing.sessions.handles import HandlesContract
from tests.contrib.session_faults import SessionFaults, SessionRowsOnAServer
from tests.contrib.session_workers import next_segment
from tests.sdk.sessions.killing import Folder
from tests.sdk.sessions.roll_faults import NewFolder, RollFaults
from tests.servers import RedisServer

pytest.importorskip("longtake_redis")

KIB = 2**10


@pytest.fixture
def url(redis_server: RedisServer) -> str:
    return redis_server.new_url()


@pytest.fixture
def store(url: str) -> Iterator[Any]:
    store: Any = lt.open_session_store(url)
    with closing(store):
        store.create("take", family="pendulum", labels={"who": "me"})
        yield store


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Any]:
    with redis_server.client() as client:
        yield client


class TestRedisSessions(SessionStoreContract):
    """The contract, on a server that writes what it acknowledges to its disk first."""

    has_own_clock = True

    @pytest.fixture
    def store(self, durable_redis: RedisServer) -> Iterator[Any]:
        store: Any = lt.open_session_store(durable_redis.new_url())
        with closing(store):
            yield store

    @pytest.fixture
    def outage(self, durable_redis: RedisServer) -> Any:
        return durable_redis.stopped


class TestRedisSessionsWithAPassword(HandlesContract):
    """What the contract says of secrets."""

    secrets = (RedisServer.secret, quote(RedisServer.secret, safe=""))

    @pytest.fixture
    def store(self, locked_server: RedisServer) -> Iterator[Any]:
        store: Any = lt.open_session_store(locked_server.new_url())
        with closing(store):
            yield store


class TestRows(SessionRowsOnAServer):
    """Rows."""


class TestFaults(SessionFaults):
    """On a server that writes what it acknowledges to its disk first."""

    @pytest.fixture
    def server(self, durable_redis: RedisServer) -> RedisServer:
        return durable_redis


class TestRolls(RollFaults):
    """Of processes that make segments, in the long session only."""

    @pytest.fixture
    def new_folder(
        self, durable_redis: RedisServer, tmp_path: Path, pytestconfig: pytest.Config
    ) -> NewFolder:
        if pytestconfig.getoption("--longtake-kills") is None:
            pytest.skip("takes minutes: give --longtake-kills")
        names = (tmp_path / f"folder-{index}" for index in itertools.count())
        return lambda count: Folder.made(next(names), count, durable_redis.new_url())


def test_every_key_begins_with_the_prefix_and_none_is_left(
    redis_server: RedisServer, client: Any
) -> None:
    client.flushall()
    with closing(lt.open_session_store(f"{redis_server.url}?prefix=mine:")) as store:  # type: ignore[type-var]
        store.create("take", family="pendulum", labels={"who": "me"})
        store.advance("take", 0, next_segment(0, "a"), None)
        assert {key.partition(b":")[0] for key in client.scan_iter()} == {b"mine"}
        store.delete("take")
    assert list(client.scan_iter()) == []


def test_a_server_that_forgot_the_scripts_is_sent_them_again(store: Any, client: Any) -> None:
    for index in range(3):
        client.script_flush()
        store.advance("take", index, next_segment(index, "a"), None)
        client.script_flush()
        assert len(store.list()) == 1


def test_a_full_server_takes_nothing_more_and_lets_go(
    store: Any, client: Any, redis_server: RedisServer
) -> None:
    for index in range(3):
        store.advance("take", index, next_segment(index, "a"), None)
    hold = store.hold(["blob"], for_seconds=0.001)
    with redis_server.limited_to(0):
        before = sorted(client.scan_iter()), store.read("take")
        with pytest.raises(lt.SessionStoreFull, match="maxmemory"):
            store.advance("take", 3, next_segment(3, "b"), None)
        with pytest.raises(lt.SessionStoreFull):
            store.create("other", family="pendulum")
        with pytest.raises(lt.SessionStoreFull):
            store.advance("take", 3, next_segment(3, "b"), None, hold=hold)
        assert (sorted(client.scan_iter()), store.read("take")) == before
        assert [each.id for each in store.revoke_over()] == [hold.id]
        store.forget_hold(hold)
        assert store.rewind("take", 3, 1).num_segments == 1
        store.delete("take")
        assert store.list() == []


def test_a_row_that_was_evicted_is_an_error_and_no_shorter_list(store: Any, client: Any) -> None:
    for name in ("b", "c"):
        store.create(name, family="pendulum")
    (key,) = client.scan_iter(match="*row:session/b")
    client.delete(key)
    with pytest.raises(lt.SessionError, match="evicted"):
        store.list()


RIGHTS = ["+evalsha", "+eval", "+time", "+mget", "+get"]


@pytest.mark.parametrize("more", [[], ["+set"], ["+set", "+zadd", "+strlen"], ["+zadd", "+unlink"]])
def test_a_user_who_may_not_write_changes_nothing(
    store: Any, url: str, client: Any, more: list[str]
) -> None:
    commands = [*RIGHTS, "+zrangebylex", *more]
    client.acl_setuser("reader", enabled=True, passwords=["+pw"], commands=commands, keys="*")
    before = sorted((key, client.type(key)) for key in client.scan_iter())
    try:
        reading: Any = lt.open_session_store(url.replace("//", "//reader:pw@"))
        with closing(reading):
            assert reading.read("take").labels == {"who": "me"}
            with pytest.raises(lt.SessionStoreUnavailable, match="may not"):
                reading.advance("take", 0, next_segment(0, "a"), None)
            with pytest.raises(lt.SessionStoreUnavailable, match="may not"):
                reading.delete("take")
    finally:
        client.acl_deluser("reader")
    assert sorted((key, client.type(key)) for key in client.scan_iter()) == before


def test_the_rights_that_the_readme_lists_are_enough(url: str, client: Any) -> None:
    readme = Path(__file__).parents[2].joinpath("contrib/redis/README.md").read_text()
    listed = readme.partition("prefix for blobs; `")[2].partition("`")[0].split()
    assert len(listed) > 5
    client.acl_setuser(
        "worker",
        enabled=True,
        passwords=["+pw"],
        commands=[f"+{command.lower()}" for command in listed],
        keys="*",
    )
    try:
        working: Any = lt.open_session_store(url.replace("//", "//worker:pw@"))
        with closing(working):
            working.create("take", family="pendulum")
            working.advance("take", 0, next_segment(0, "a"), None)
            working.fork("take", 1, "other")
            working.rewind("take", 1, 0)
            working.delete("take")
            assert [each.id for each in working.list()] == ["other"]
    finally:
        client.acl_deluser("worker")


def test_a_key_of_somebody_else_is_an_error_and_changes_nothing(
    store: Any, url: str, client: Any
) -> None:
    prefix = url.partition("prefix=")[2]
    client.rename(f"{prefix}index", f"{prefix}away")
    client.set(f"{prefix}index", "mine")
    with pytest.raises(lt.SessionError):
        store.advance("take", 0, next_segment(0, "a"), None)
    client.rename(f"{prefix}away", f"{prefix}index")
    assert store.read("take").revision == 0
    assert store.history("take") == []


def test_a_wrong_password_is_unavailable_and_not_repeated(locked_server: RedisServer) -> None:
    wrong = "hunter2hunter2"
    with pytest.raises(lt.SessionStoreUnavailable, match="login") as raised:
        lt.open_session_store(f"redis://someone:{wrong}@127.0.0.1:{locked_server.port}")
    said = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
    assert wrong not in said


def test_repr_says_where_without_credentials(locked_server: RedisServer) -> None:
    store: Any = lt.open_session_store(locked_server.new_url())
    with closing(store):
        assert f"redis://127.0.0.1:{locked_server.port}/0" in repr(store)
        assert RedisServer.secret not in repr(store) + repr(vars(store.rows))


@pytest.mark.parametrize("query", ["ttl=60", "secret=1", "prefix="])
def test_bad_options_are_refused_and_not_repeated(query: str) -> None:
    with pytest.raises(lt.ValidationError) as raised:
        lt.open_session_store(f"redis://:secret@host/0?{query}")
    assert raised.value.path == "sessions"
    assert "secret" not in str(raised.value)
