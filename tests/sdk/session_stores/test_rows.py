"""What a backend raises becomes an error of session stores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import longtake as lt
from docs.tutorials.longtake_shelf_sessions import open_sessions
from longtake.session_stores.memory import MemoryRows
from longtake.testing import SessionStoreContract


class TestTheStoreOfTheTutorial(SessionStoreContract):
    moment = 0.3
    rounds = 3
    kills = 2
    largest_state = 2**20

    @pytest.fixture
    def store(self, tmp_path: Path) -> lt.SessionStore:
        return open_sessions(f"shelf://{tmp_path}/takes.json")


class ClientError(Exception):
    """What a client library raises."""


class Lost(ClientError):
    """The client cannot reach its server."""


class BrokenRows(MemoryRows):
    unavailable = (Lost,)

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        raise self.error

    def __repr__(self) -> str:
        return "broken rows"


def test_a_backend_that_is_away_is_unavailable() -> None:
    store = lt.RowSessionStore(BrokenRows(Lost("no route to host")))
    with pytest.raises(lt.SessionStoreUnavailable, match="broken rows: no route to host") as raised:
        store.read("a")
    assert isinstance(raised.value.__cause__, Lost)


def test_other_errors_of_a_client_do_not_leak() -> None:
    store = lt.RowSessionStore(BrokenRows(ClientError("protocol error")))
    with pytest.raises(lt.SessionError, match="ClientError: protocol error") as raised:
        store.read("a")
    assert not isinstance(raised.value, lt.SessionStoreUnavailable)


def test_errors_of_longtake_pass() -> None:
    store = lt.RowSessionStore(BrokenRows(lt.SessionStoreFull("no room")))
    with pytest.raises(lt.SessionStoreFull, match="no room"):
        store.read("a")


def test_a_backend_may_know_more_of_its_errors() -> None:
    class Knowing(BrokenRows):
        def failure(self, error: Exception) -> lt.SessionError | None:
            return lt.SessionStoreFull(str(error)) if isinstance(error, ClientError) else None

    with pytest.raises(lt.SessionStoreFull, match="quota"):
        lt.RowSessionStore(Knowing(ClientError("quota"))).read("a")


def test_what_interrupts_passes() -> None:
    class Interrupted(MemoryRows):
        def read(self, keys: Sequence[str]) -> list[bytes | None]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lt.RowSessionStore(Interrupted()).read("a")


def test_rows_need_not_be_closed() -> None:
    store = lt.RowSessionStore(MemoryRows())
    store.close()
    with pytest.raises(lt.SessionError, match="closed"):
        store.list()


def test_a_change_that_is_not_expected_changes_nothing() -> None:
    rows = MemoryRows()
    assert rows.write(lt.RowChange(puts={"a": b"1", "b": b"2"}))
    for expected in ({"a": b"2"}, {"a": None}, {"c": b""}, {"a": b"1", "b": None}):
        change = lt.RowChange(expected=expected, puts={"a": b"3", "d": b""}, deletes=["b"])
        assert not rows.write(change)
    assert rows.read(["a", "b", "c", "d"]) == [b"1", b"2", None, None]
    assert rows.write(lt.RowChange(expected={"a": b"1", "c": None}, deletes=["a", "c"]))
    assert rows.scan("", "z", 10) == [("b", b"2")]


def test_others_keep_rows_of_their_own_beside_the_sessions() -> None:
    store = lt.RowSessionStore(MemoryRows())
    store.create("a", family="fog", preset="mist@1")
    keys = [f"mine/{number:04}" for number in range(1200)]
    others = {"mine": b"", "mine0": b"", "miner/1": b""}
    assert store.write_rows(lt.RowChange(puts={**dict.fromkeys(keys, b"x"), **others}))
    assert [key for key, _ in store.rows_below("mine/")] == keys
    assert list(store.rows_below("mine/", after=keys[700], limit=2)) == [
        (keys[701], b"x"),
        (keys[702], b"x"),
    ]
    assert [key for key, _ in store.rows_below("mine/", limit=600)] == keys[:600]
    assert list(store.rows_below("mine/", after=keys[-1])) == []
    assert store.read_rows([keys[0], "mine/none"]) == [b"x", None]
    assert not store.write_rows(lt.RowChange(expected={keys[0]: None}, deletes=keys))
    assert [each.id for each in store.list()] == ["a"]


def test_rows_of_others_have_the_errors_of_a_store() -> None:
    store = lt.RowSessionStore(BrokenRows(Lost("no route")))
    with pytest.raises(lt.SessionStoreUnavailable, match="no route"):
        store.read_rows(["mine/1"])
    store.close()
    with pytest.raises(lt.SessionError, match="closed"):
        store.write_rows(lt.RowChange())
    with pytest.raises(lt.SessionError, match="closed"):
        list(store.rows_below("mine/"))
