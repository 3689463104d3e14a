"""longtake-postgres beside a real server."""

from __future__ import annotations

import itertools
import logging
import pickle
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
from tests.servers import PostgresServer

pytest.importorskip("longtake_postgres")

PASSWORD = PostgresServer.secret


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.new_url()


@pytest.fixture
def store(url: str) -> Iterator[Any]:
    with closing(open_store(url)) as store:
        store.create("take", family="pendulum", labels={"who": "me"})
        yield store


@pytest.fixture
def client(postgres_server: PostgresServer) -> Iterator[Any]:
    """A plain client of the server, as its owner."""
    with postgres_server.client() as client:
        yield client


def open_store(url: str) -> Any:
    return lt.open_session_store(url, registry=lt.Registry.of("longtake_postgres.plugin"))


def table_of(url: str) -> str:
    return url.partition("table=")[2]


class TestPostgresSessions(SessionStoreContract):
    """The contract."""

    has_own_clock = True

    @pytest.fixture
    def store(self, url: str) -> Iterator[Any]:
        with closing(open_store(url)) as store:
            yield store

    @pytest.fixture
    def outage(self, postgres_server: PostgresServer) -> Any:
        return postgres_server.stopped


class TestPostgresSessionsWithAPassword(HandlesContract):
    """What the contract says of secrets."""

    secrets = (PASSWORD, quote(PASSWORD, safe=""))

    @pytest.fixture
    def store(self, locked_postgres: PostgresServer) -> Iterator[Any]:
        with closing(open_store(locked_postgres.new_url())) as store:
            yield store


class TestRows(SessionRowsOnAServer):
    """Rows."""


class TestFaults(SessionFaults):
    """Races, kills, cuts and hangs."""

    @pytest.fixture
    def server(self, postgres_server: PostgresServer) -> PostgresServer:
        return postgres_server


class TestRolls(RollFaults):
    """Of processes that make segments, in the long session only."""

    @pytest.fixture
    def new_folder(
        self, postgres_server: PostgresServer, tmp_path: Path, pytestconfig: pytest.Config
    ) -> NewFolder:
        if pytestconfig.getoption("--longtake-kills") is None:
            pytest.skip("takes minutes: give --longtake-kills")
        names = (tmp_path / f"folder-{index}" for index in itertools.count())
        return lambda count: Folder.made(next(names), count, postgres_server.new_url())


# The table


def test_all_is_in_one_table_and_nothing_is_left(store: Any, url: str, client: Any) -> None:
    store.advance("take", 0, next_segment(0, "a"), None)
    keys = f"SELECT key FROM {table_of(url)}"
    assert len(client.execute(keys).fetchall()) == 4
    store.delete("take")
    assert client.execute(keys).fetchall() == []


def test_workers_that_open_a_new_store_together_make_one_table(url: str) -> None:
    barrier = threading.Barrier(8)
    failed: list[BaseException] = []

    def work(index: int) -> None:
        barrier.wait()
        try:
            with closing(open_store(url)) as store:
                store.create(f"take-{index}", family="pendulum")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with closing(open_store(url)) as store:
        assert len(store.list()) == 8


def test_a_column_that_somebody_adds_is_nothing_to_a_store_that_is_open(
    store: Any, url: str, client: Any
) -> None:
    for index in range(10):
        store.advance("take", index, next_segment(index, "a"), None)
    client.execute(f"ALTER TABLE {table_of(url)} ADD COLUMN seen timestamptz DEFAULT now()")
    for index in range(10, 20):
        store.advance("take", index, next_segment(index, "a"), None)
        assert store.read("take").revision == index + 1
    assert len(store.list()) == 1
    assert len(store.history("take")) == 20


@pytest.mark.parametrize("comment", ["'somebody else''s'", "NULL"])
def test_a_table_of_somebody_else_is_refused(url: str, client: Any, comment: str) -> None:
    client.execute(f"CREATE TABLE {table_of(url)} (key text, value bytea)")
    client.execute(f"COMMENT ON TABLE {table_of(url)} IS {comment}")
    with pytest.raises(lt.SessionError, match="another"):
        open_store(url)


def test_the_table_of_a_later_release_is_refused(store: Any, url: str, client: Any) -> None:
    comment = f"COMMENT ON TABLE {table_of(url)} IS 'sessions of Longtake, layout 2'"
    client.execute(comment)
    with pytest.raises(lt.SessionError, match="later release"):
        open_store(url)


def test_a_table_of_a_release_without_our_function_gets_it(
    store: Any, url: str, client: Any
) -> None:
    client.execute(f"DROP FUNCTION {table_of(url)}_change_1")
    with closing(open_store(url)) as reading:
        assert reading.read("take").revision == 0  # who only reads needs none
    assert store.advance("take", 0, next_segment(0, "a"), None).index == 0
    assert store.read("take").revision == 1


def test_a_table_that_is_gone_is_an_error(store: Any, url: str, client: Any) -> None:
    client.execute(f"DROP TABLE {table_of(url)}")
    with pytest.raises(lt.SessionError, match="gone"):
        store.read("take")


def test_schemas_keep_stores_apart(url: str, client: Any) -> None:
    with pytest.raises(lt.SessionError, match="schema"):
        open_store(f"{url}&schema=ours")
    client.execute("CREATE SCHEMA ours")
    try:
        with (
            closing(open_store(f"{url}&schema=ours")) as ours,
            closing(open_store(url)) as theirs,
        ):
            ours.create("take", family="pendulum")
            assert theirs.list() == []
    finally:
        client.execute("DROP SCHEMA ours CASCADE")


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_the_isolation_of_the_database_is_nothing_to_a_store(
    url: str, client: Any, level: str
) -> None:
    client.execute(f"ALTER ROLE longtake SET default_transaction_isolation TO '{level}'")
    try:
        with closing(open_store(url)) as store:
            changes = [
                lt.RowChange(expected={"one": None}, puts={"one": b"x"}),
                lt.RowChange(expected={"one": b"x"}, puts={"one": b"y"}),
            ]
            for _ in range(20):
                store.rows.write(lt.RowChange(deletes=["one"]))
                for change in changes:
                    won = SessionRowsOnAServer.together(lambda _, c=change: store.rows.write(c), 4)
                    assert sorted(won) == [False, False, False, True]
    finally:
        client.execute("ALTER ROLE longtake RESET default_transaction_isolation")


# Who may what


@contextmanager
def role(client: Any, url: str, rights: str) -> Iterator[str]:
    """The URL of a role that has ``rights`` on the table."""
    client.execute("CREATE ROLE somebody LOGIN")
    try:
        client.execute(f"GRANT {rights} ON {table_of(url)} TO somebody")
        yield url.replace("//longtake@", "//somebody@")
    finally:
        client.execute("DROP OWNED BY somebody")
        client.execute("DROP ROLE somebody")


def test_a_user_who_may_not_write_changes_nothing(store: Any, url: str, client: Any) -> None:
    with role(client, url, "SELECT") as theirs, closing(open_store(theirs)) as reading:
        assert reading.read("take").labels == {"who": "me"}
        for _ in range(2):
            with pytest.raises(lt.SessionStoreUnavailable, match="may not") as raised:
                reading.advance("take", 0, next_segment(0, "a"), None)
            with pytest.raises(lt.SessionStoreUnavailable, match="may not"):
                reading.delete("take")
        assert "somebody" not in str(raised.value)
    assert store.read("take").revision == 0


def test_the_rights_that_the_readme_lists_are_enough(store: Any, url: str, client: Any) -> None:
    rights = "SELECT, INSERT, UPDATE, DELETE"
    assert rights in Path(__file__).parents[2].joinpath("contrib/postgres/README.md").read_text()
    with role(client, url, rights) as theirs, closing(open_store(theirs)) as working:
        working.advance("take", 0, next_segment(0, "a"), None)
        working.fork("take", 1, "other")
        working.rewind("take", 1, 0)
        working.delete("take")
        assert [each.id for each in working.list()] == ["other"]


def test_a_user_who_may_make_no_table_is_unavailable(store: Any, url: str, client: Any) -> None:
    with (
        role(client, url, "SELECT") as theirs,
        pytest.raises(lt.SessionStoreUnavailable, match="may not"),
    ):
        open_store(f"{theirs}_other")


def test_a_server_that_only_reads_is_unavailable(store: Any, client: Any) -> None:
    client.execute("ALTER ROLE longtake SET default_transaction_read_only TO on")
    try:
        store.advance("take", 0, next_segment(0, "a"), None)  # a default is no refusal
    finally:
        client.execute("ALTER ROLE longtake RESET default_transaction_read_only")


# A server that is not well


def test_connections_that_the_server_ends_are_replaced_unseen(
    store: Any, client: Any, url: str
) -> None:
    def use(index: int) -> None:
        store.rows.write(lt.RowChange(puts={f"row/{index}": b"x"}))

    SessionRowsOnAServer.together(use, 6)  # some connections
    for index in range(3):
        client.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'longtake'"
        )
        time.sleep(0.2)
        store.advance("take", index, next_segment(index, "a"), None)


def test_more_threads_than_connections_wait(url: str) -> None:
    with closing(open_store(f"{url}&connections=2")) as store:

        def create(index: int) -> None:
            store.create(f"take-{index}", family="pendulum")

        SessionRowsOnAServer.together(create, 12)
        assert len(store.list()) == 12


def test_a_lock_that_somebody_holds_is_waited_for_in_bounded_time(
    store: Any, url: str, client: Any
) -> None:
    segment = next_segment(0, "a")
    with closing(open_store(f"{url}&timeout=1")) as impatient:
        impatient.read("take")
        with client.transaction():
            client.execute(f"SELECT FROM {table_of(url)} FOR UPDATE")
            with pytest.raises(lt.SessionStoreUnavailable, match="time"):
                impatient.advance("take", 0, segment, None)
        time.sleep(0.5)
        assert impatient.advance("take", 0, segment, None).attempt == segment.attempt
    assert len(store.history("take")) == 1


def test_no_server_is_unavailable_when_opened() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(lt.SessionStoreUnavailable, match="cannot be reached"):
            open_store(f"postgresql://127.0.0.1:{unused.getsockname()[1]}/takes")


# Credentials and URLs


def test_a_wrong_password_is_unavailable_and_not_repeated(
    locked_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "hunter2hunter2"
    url = f"postgresql://longtake:{wrong}@127.0.0.1:{locked_postgres.port}/postgres"
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(lt.SessionStoreUnavailable, match="login") as raised,
    ):
        open_store(url)
    said = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + caplog.text
    assert wrong not in said


def test_a_missing_database_is_unavailable(postgres_server: PostgresServer) -> None:
    with pytest.raises(lt.SessionStoreUnavailable, match="database"):
        open_store(f"{postgres_server.url}-not")


def test_the_password_may_be_in_a_file(locked_postgres: PostgresServer, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    with closing(open_store(f"{locked_postgres.url}?password_file={path}")) as store:
        store.create("take", family="pendulum")
        assert PASSWORD.encode() not in pickle.dumps(store)
        with closing(pickle.loads(pickle.dumps(store))) as other:
            other.delete("take")


def test_repr_says_where_without_credentials(locked_postgres: PostgresServer) -> None:
    with closing(open_store(locked_postgres.new_url())) as store:
        assert f"postgresql://127.0.0.1:{locked_postgres.port}/postgres" in repr(store)
        assert PASSWORD not in repr(store) + repr(vars(store.rows))


def test_a_socket_in_a_folder_is_a_server_too(postgres_server: PostgresServer, url: str) -> None:
    there = f"postgresql://longtake@:{postgres_server.port}/postgres?host={postgres_server.data}"
    with closing(open_store(there)) as store:
        assert store.list() == []
        assert str(postgres_server.data) in repr(store)


BAD_URLS = {
    "a port that is none": "postgresql://:secret@host:port/takes",
    "a port too large": "postgresql://:secret@host:99999/takes",
    "a database with a slash": "postgresql://:secret@host/takes/more",
    "an unknown option": "postgresql://:secret@host/takes?secret=1",
    "a password cut by a question mark": "postgresql://:sec?secret@host/takes",
    "a time that is none": "postgresql://:secret@host/takes?timeout=0",
    "a time in words": "postgresql://:secret@host/takes?timeout=secret",
    "a table that needs quotes": "postgresql://:secret@host/takes?table=a%20secret",
    "no table": "postgresql://:secret@host/takes?table=",
    "a schema that needs quotes": "postgresql://:secret@host/takes?schema=a;secret",
    "a fragment": "postgresql://:secret@host/takes#secret",
    "two hosts": "postgresql://:secret@host/takes?host=/secret",
    "two passwords": "postgresql://:secret@host/takes?password_file=/secret",
    "a password file that is not there": "postgresql://host/takes?password_file=/secret",
    "a zero byte": "postgresql://host/takes%00secret",
    "no connection": "postgresql://:secret@host/takes?connections=0",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS.keys())
def test_bad_urls_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(lt.ValidationError) as raised:
        open_store(url)
    assert raised.value.path == "sessions"
    said = "".join(traceback.format_exception(raised.value))
    assert "secret" not in said.partition("longtake.errors.ValidationError")[2]


def test_the_plugin_is_listed_without_importing_the_client() -> None:
    code = (
        "import sys, longtake_postgres.plugin as p; p.longtake_session_stores(); "
        "sys.exit('psycopg' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
