"""longtake-redis beside a real server."""

from __future__ import annotations

import logging
import pickle
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.testing import BlobStoreContract, RawBlobs
from tests.servers import RedisServer, running

pytest.importorskip("longtake_redis")

MIB = 2**20
HOUR = 3600
WEEK = 7 * 24 * HOUR
PREFIX = "longtake:blob:"
HEADER_SIZE = 28
PASSWORD = RedisServer.secret
QUOTED = "pass%2Fword%20with%3Asigns%40all"


def open_store(url: str) -> Any:
    return lt.open_blob_store(url, registry=lt.Registry.of("longtake_redis.plugin"))


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Any]:
    """A plain client of the server, which is empty."""
    with redis_server.client() as client:
        client.flushall()
        yield client


@pytest.fixture
def store(redis_server: RedisServer, client: Any) -> Iterator[Any]:
    with closing(open_store(redis_server.url)) as store:
        yield store


def names(client: Any) -> list[str]:
    return sorted(key.decode() for key in client.scan_iter())


def names_of(blob_id: str, num_pieces: int) -> list[str]:
    """The keys of a blob of so many pieces, the manifest's first."""
    return [PREFIX + blob_id, *(f"{PREFIX}{blob_id}:{index}" for index in range(num_pieces))]


class RedisRaw(RawBlobs):
    """The keys of the server; a small record is what its manifest holds behind the header."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, blob_id: str) -> bytes:
        return bytes(self._client.get(PREFIX + blob_id)[HEADER_SIZE:])

    def write(self, blob_id: str, content: bytes) -> None:
        header = self._client.getrange(PREFIX + blob_id, 0, HEADER_SIZE - 1)
        self._client.set(PREFIX + blob_id, header + content, ex=WEEK)

    def names(self) -> set[str]:
        keys = {name.removeprefix(PREFIX) for name in names(self._client)}
        return {key.partition(":")[0] if key.partition(":")[0] in keys else key for key in keys}


class TestRedisBlobs(BlobStoreContract):
    """The contract."""

    put_memory = 16 * MIB

    @pytest.fixture
    def store(self, store: Any) -> Any:
        return store

    @pytest.fixture
    def raw(self, client: Any) -> RawBlobs:
        return RedisRaw(client)

    @pytest.fixture
    def sweep(self, client: Any) -> Callable[[], None]:
        """An hour passes."""

        def one_hour_later() -> None:
            for name in names(client):
                assert client.ttl(name) > 0
                if client.ttl(name) <= HOUR:
                    client.delete(name)

        return one_hour_later

    @pytest.fixture
    def outage(self, redis_server: RedisServer) -> Any:
        return redis_server.stopped

    @pytest.fixture
    def full_store(self, redis_server: RedisServer, store: Any) -> Iterator[Any]:
        with redis_server.limited_to(20 * MIB):
            yield store


class TestRedisBlobsWithAPassword(BlobStoreContract):
    """The contract's secrets, and few of the rest."""

    secrets = (PASSWORD, QUOTED)
    num_ids = cycles = uses = 20
    kills = 1
    largest = 2 * MIB

    @pytest.fixture
    def store(self, locked_server: RedisServer) -> Iterator[Any]:
        with closing(open_store(f"redis://:{QUOTED}@127.0.0.1:{locked_server.port}/0")) as store:
            yield store

    @pytest.fixture
    def outage(self, locked_server: RedisServer) -> Any:
        return locked_server.stopped


# What lies on the server


def test_a_blob_is_whole_pieces_and_a_manifest(store: Any, client: Any) -> None:
    blob_id = store.put(bytes(2 * MIB + 5))
    manifest = PREFIX + blob_id
    assert names(client) == [manifest, f"{manifest}:0", f"{manifest}:1"]
    assert [client.strlen(f"{manifest}:{index}") for index in (0, 1)] == [MIB, MIB]
    assert client.strlen(manifest) < 1000


def test_a_small_blob_is_one_key(store: Any, client: Any) -> None:
    blob_id = store.put(bytes(MIB // 2))
    assert names(client) == [PREFIX + blob_id]


@pytest.mark.parametrize(("query", "ttl"), [("", WEEK), ("?ttl=120", 120)])
def test_every_key_expires_and_no_piece_before_its_manifest(
    redis_server: RedisServer, client: Any, query: str, ttl: int
) -> None:
    with closing(open_store(redis_server.url + query)) as store:
        blob_id = store.put(bytes(3 * MIB))
    left = {name: client.ttl(name) for name in names(client)}
    assert 0 < left[PREFIX + blob_id] <= ttl
    assert len(left) == 4
    assert all(time > ttl for name, time in left.items() if name != PREFIX + blob_id)


def test_a_blob_is_gone_when_its_time_is_over(redis_server: RedisServer, client: Any) -> None:
    with closing(open_store(f"{redis_server.url}?ttl=1")) as store:
        blob_id = store.put(bytes(2 * MIB))
        assert blob_id in store
        time.sleep(1.2)
        assert blob_id not in store
        with pytest.raises(lt.BlobNotFound):
            store.get(blob_id)


def test_renewing_begins_the_time_anew_and_shortens_none(
    redis_server: RedisServer, store: Any, client: Any
) -> None:
    powers = isinstance(store, lt.SupportsRenewal), isinstance(store, lt.SupportsListing)
    assert powers == (True, False)
    small, large = store.put(b"abc"), store.put(bytes(2 * MIB))
    keys = [PREFIX + small, *names_of(large, 2)]
    for key in keys:
        client.expire(key, 100)
    assert store.renew([small, large]) == ()
    assert [client.ttl(key) > WEEK - HOUR for key in keys] == [True] * 4
    assert all(client.ttl(key) > WEEK + HOUR - 100 for key in keys[2:])
    before = [client.pexpiretime(key) for key in keys]
    with closing(open_store(f"{redis_server.url}?ttl=100")) as brief:
        assert brief.renew([small, large]) == ()
    client.persist(PREFIX + small)
    assert store.renew([small]) == ()
    assert client.ttl(PREFIX + small) == -1
    assert [client.pexpiretime(key) for key in keys[1:]] == before[1:]


def test_renewing_says_what_is_gone_or_has_lost_a_piece(store: Any, client: Any) -> None:
    whole, cut, gone, damaged = (store.put(bytes(2 * MIB)) for _ in range(4))
    client.delete(names_of(cut, 2)[1])
    store.drop(gone)
    client.setrange(PREFIX + damaged, 9, b"\xff")
    for key in names_of(whole, 2):
        client.expire(key, 100)
    assert set(store.renew([cut, whole, gone, damaged])) == {cut, gone, damaged}
    assert client.ttl(PREFIX + whole) > HOUR
    with pytest.raises(lt.InvalidBlobId):
        store.renew(["../x"])


def test_a_sweep_of_sessions_renews_what_they_need(store: Any, client: Any) -> None:
    sessions: Any = lt.open_session_store("memory:")
    needed, other, gone = store.put(b"needed"), store.put(b"other"), store.put(b"gone")
    sessions.hold([needed, gone], for_seconds=60)
    store.drop(gone)
    for blob_id in (needed, other):
        client.expire(PREFIX + blob_id, 100)
    assert lt.sweep_sessions(sessions, store).missing == (gone,)
    assert client.ttl(PREFIX + needed) > HOUR
    assert client.ttl(PREFIX + other) <= 100


def test_the_manifest_is_written_last(store: Any, client: Any) -> None:
    seen: list[list[str]] = []

    def data() -> Iterator[bytes]:
        for _ in range(30):
            yield bytes(MIB)
            seen.append(names(client))

    blob_id = store.put(data())
    assert max(map(len, seen)) > 10
    assert not any(PREFIX + blob_id in each for each in seen)
    assert PREFIX + blob_id in names(client)


def test_pieces_without_their_manifest_expire_soon(store: Any, client: Any) -> None:
    times: list[int] = []

    def data() -> Iterator[bytes]:
        for _ in range(30):
            yield bytes(MIB)
            times.extend(client.ttl(name) for name in names(client))

    store.put(data())
    assert times
    assert all(0 < each <= HOUR for each in times)


def test_a_slow_put_does_not_lose_its_first_pieces(
    store: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = 0.0
    monkeypatch.setattr("longtake_redis.uploads.monotonic", lambda: time.monotonic() + later)
    left: list[int] = []

    def data() -> Iterator[bytes]:
        nonlocal later
        for _ in range(20):
            yield bytes(MIB)
        for name in names(client):
            client.expire(name, HOUR // 3)
        later = HOUR * 2 / 3
        for _ in range(20):
            yield bytes(MIB)
        left.extend(client.ttl(name) for name in names(client))

    assert len(store.get(store.put(data()))) == 40 * MIB
    assert len(left) > 20
    assert min(left) > HOUR // 2


def test_what_a_failed_put_had_sent_is_removed(store: Any, client: Any) -> None:
    def data() -> Iterator[bytes]:
        for _ in range(30):
            yield bytes(MIB)
        assert len(names(client)) > 10
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        store.put(data())
    assert names(client) == []


def test_drop_leaves_nothing(store: Any, client: Any) -> None:
    store.drop(store.put(bytes(3 * MIB)))
    assert names(client) == []


def test_prefixes_keep_stores_apart(redis_server: RedisServer, client: Any) -> None:
    with (
        closing(open_store(f"{redis_server.url}?prefix=a:")) as first,
        closing(open_store(f"{redis_server.url}?prefix=b:")) as second,
    ):
        blob_id = first.put(bytes(2 * MIB))
        assert blob_id in first
        assert blob_id not in second
        assert all(name.startswith("a:") for name in names(client))


def test_databases_are_apart(redis_server: RedisServer, store: Any) -> None:
    with closing(open_store(f"redis://127.0.0.1:{redis_server.port}/3")) as third:
        blob_id = third.put(b"abc")
        assert blob_id not in store
        third.drop(blob_id)


@pytest.mark.parametrize("damage", ["missing", "short", "long"])
def test_a_damaged_piece_is_blob_corrupt(store: Any, client: Any, damage: str) -> None:
    blob_id = store.put(bytes(3 * MIB))
    piece = f"{PREFIX}{blob_id}:1"
    if damage == "missing":
        client.delete(piece)
    else:
        client.set(piece, bytes(MIB - 1 if damage == "short" else MIB + 1))
    with pytest.raises(lt.BlobCorrupt):
        store.get(blob_id)
    with pytest.raises(lt.BlobCorrupt):
        store.get(blob_id)  # the connection is as good as before
    if damage != "long":  # a range cannot know what is behind it
        with pytest.raises(lt.BlobCorrupt):
            store.get_range(blob_id, MIB, 2 * MIB)


@pytest.mark.parametrize("position", [0, 8, 12, 16, 24])
def test_a_damaged_manifest_is_blob_corrupt(store: Any, client: Any, position: int) -> None:
    blob_id = store.put(bytes(3 * MIB))
    client.setrange(PREFIX + blob_id, position, b"\xff\xff\xff")
    for use in (store.get, store.stat):
        with pytest.raises(lt.BlobCorrupt):
            use(blob_id)
    store.drop(blob_id)
    assert blob_id not in store


def test_ranges_over_the_ends_of_pieces(store: Any) -> None:
    data = b"".join(bytes([index]) * (MIB // 2) for index in range(7))
    blob_id = store.put(data)
    for start, stop in ((MIB - 1, MIB + 1), (10, 3 * MIB + 7), (3 * MIB, 4 * MIB), (0, 10**9)):
        assert bytes(store.get_range(blob_id, start, stop)) == data[start:stop]


@pytest.mark.parametrize("over", range(-400, 401, 100))
def test_stat_where_the_seal_lies_in_two_pieces(store: Any, over: int) -> None:
    assert store.stat(store.put(bytes(2 * MIB + over))).size == 2 * MIB + over


# A server that is not well


def test_a_server_that_lost_pieces_during_a_put_is_unavailable(store: Any, client: Any) -> None:
    def data() -> Iterator[bytes]:
        for index in range(30):
            yield bytes(MIB)
            if index == 20:
                client.flushall()

    with pytest.raises(lt.BlobStoreUnavailable, match="again"):
        store.put(data())
    assert names(client) == []


def test_a_restart_during_a_put_is_an_error_and_nothing_is_there(
    store: Any, redis_server: RedisServer, client: Any
) -> None:
    def data() -> Iterator[bytes]:
        for index in range(30):
            yield bytes(MIB)
            if index == 20:
                with redis_server.stopped():
                    pass

    with pytest.raises(lt.BlobStoreUnavailable):
        store.put(data())
    assert names(client) == []
    assert store.get(store.put(b"again")) == b"again"


def test_a_full_server_refuses_and_keeps_no_piece(
    store: Any, redis_server: RedisServer, client: Any
) -> None:
    with redis_server.limited_to(5 * MIB):
        with pytest.raises(lt.BlobStoreFull, match="maxmemory"):
            store.put(bytes(20 * MIB))
        assert names(client) == []
        assert store.get(store.put(b"small")) == b"small"


def test_a_server_that_hangs_is_unavailable_in_bounded_time(
    redis_server: RedisServer, client: Any
) -> None:
    with closing(open_store(f"{redis_server.url}?timeout=1")) as store:
        blob_id = store.put(bytes(2 * MIB))
        with redis_server.hung():
            for use in (store.get, store.drop, store.put, store.__contains__):
                argument = bytes(9 * MIB) if use == store.put else blob_id
                with pytest.raises(lt.BlobStoreUnavailable, match="time"):
                    use(argument)
        assert store.get(blob_id) == bytes(2 * MIB)


def test_no_server_is_unavailable_when_opened(redis_server: RedisServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(lt.BlobStoreUnavailable, match="cannot be reached"):
            open_store(f"redis://127.0.0.1:{unused.getsockname()[1]}")


def test_a_replica_is_unavailable_for_writing(
    tmp_path: Path, redis_server: RedisServer, client: Any
) -> None:
    replica = RedisServer(tmp_path, "--replicaof", "127.0.0.1", str(redis_server.port))
    with (
        running(replica),
        closing(open_store(replica.url)) as store,
        pytest.raises(lt.BlobStoreUnavailable, match="replica"),
    ):
        store.put(b"abc")


def test_a_user_without_rights_is_unavailable(redis_server: RedisServer, client: Any) -> None:
    client.acl_setuser(
        "reader", enabled=True, passwords=["+secret"], commands=["+exists"], keys="*"
    )
    try:
        with closing(open_store(f"redis://reader:secret@127.0.0.1:{redis_server.port}")) as store:
            with pytest.raises(lt.BlobStoreUnavailable, match="may not") as raised:
                store.put(b"abc")
            assert "reader" not in str(raised.value)
    finally:
        client.acl_deluser("reader")


# Credentials


def test_a_wrong_password_is_unavailable_and_not_repeated(
    locked_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    user, wrong = "someone", "hunter2hunter2"
    with caplog.at_level(logging.DEBUG), pytest.raises(lt.BlobStoreUnavailable) as raised:
        open_store(f"redis://{user}:{wrong}@127.0.0.1:{locked_server.port}")
    said = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + caplog.text
    assert "login" in str(raised.value)
    assert wrong not in said
    assert user not in said


def test_a_missing_password_is_unavailable(locked_server: RedisServer) -> None:
    with pytest.raises(lt.BlobStoreUnavailable, match="login"):
        open_store(locked_server.url)


def test_the_password_may_be_in_a_file(locked_server: RedisServer, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    with closing(open_store(f"{locked_server.url}?password_file={path}")) as store:
        assert store.get(store.put(b"abc")) == b"abc"
        assert PASSWORD.encode() not in pickle.dumps(store)
        assert pickle.loads(pickle.dumps(store)).get(store.put(b"abc")) == b"abc"


def test_repr_says_where_without_credentials(locked_server: RedisServer) -> None:
    with closing(open_store(f"redis://:{QUOTED}@127.0.0.1:{locked_server.port}/2")) as store:
        assert f"redis://127.0.0.1:{locked_server.port}/2" in repr(store)
        assert PASSWORD not in repr(store) + repr(vars(store.records))
        assert QUOTED not in repr(store)


# Ways to open


def test_a_unix_socket_is_a_server_too(redis_server: RedisServer, store: Any) -> None:
    with closing(open_store(f"redis+unix://{redis_server.socket}?db=0")) as other:
        assert store.get(other.put(b"abc")) == b"abc"


BAD_URLS = {
    "no server": "redis:///0",
    "no URL": "redis:",
    "a port that is none": "redis://:secret@host:port/0",
    "a port too large": "redis://:secret@host:99999/0",
    "a database that is none": "redis://:secret@host/zero",
    "an unknown option": "redis://:secret@host/0?secret=1",
    "a password cut by a question mark": "redis://:sec?secret@host/0",
    "a time that is none": "redis://:secret@host/0?ttl=0",
    "a time in words": "redis://:secret@host/0?ttl=secret",
    "a prefix with spaces": "redis://:secret@host/0?prefix=a%20secret",
    "no prefix": "redis://:secret@host/0?prefix=",
    "a fragment": "redis://:secret@host/0#secret",
    "two passwords": "redis://:secret@host/0?password_file=/secret",
    "a password file that is not there": "redis://host/0?password_file=/secret",
    "a password file that cannot be": "redis://host/0?password_file=%00secret",
    "TLS options without TLS": "redis://:secret@host/0?ssl_ca_certs=/secret",
    "a host before a socket": "redis+unix://secret/redis.sock",
    "no socket": "redis+unix://",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS.keys())
def test_bad_urls_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(lt.ValidationError) as raised:
        open_store(url)
    assert raised.value.path == "blobs"
    said = "".join(traceback.format_exception(raised.value))
    assert "secret" not in said.partition("longtake.errors.ValidationError")[2]


def test_a_store_opened_before_many_threads_serves_them(store: Any) -> None:
    data = [bytes([index]) * (2 * MIB) for index in range(6)]
    got: dict[int, bytes] = {}

    def use(index: int) -> None:
        got[index] = bytes(store.get(store.put(data[index])))

    threads = [threading.Thread(target=use, args=(index,)) for index in range(len(data))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(got[index] == data[index] for index in range(len(data)))


def test_the_plugin_is_listed_without_importing_the_client() -> None:
    code = (
        "import sys, longtake_redis.plugin as p; p.longtake_blob_stores(); "
        "sys.exit('redis' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
