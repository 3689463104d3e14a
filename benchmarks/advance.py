"""How long a session store's ``advance`` takes beside its raw client writing the same rows.

``python benchmarks/advance.py``; ``--stores sqlite redis postgresql`` for some of them. The raw
side is what a program would write by hand for one commit: the same rows with the same bytes,
compared and set in one step, with the same durability: SQLite with the same journal and synchronous
setting, Redis by one script, PostgreSQL with a row lock; both servers flush each commit. A server
that is not installed is said to be missing.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import longtake as lt

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.harness import Figure, Pairs, Part, Told, at_most, cost, in_turns
from tests.servers import (
    PostgresServer,
    RedisServer,
    missing_postgres,
    missing_redis,
    running,
)

PART = Part("advance", "A session store's commit", "its raw client writing the same rows")

SEGMENTS = 300
"""Commits of each side."""

WARM = 20
STATE = Path(__file__).parents[1] / "tests/ltx2/wire/ltx2.v1/full-blobs/state.json"
"""A state of LTX-2 whose frames and sound are blobs: what a commit writes there."""

GOAL = 1.3
Rows = dict[str, bytes]
Raw = Callable[[str, bytes, bytes, Rows], None]
"""Writes one commit: the head's key, the row it must have, the one it gets, and the other rows."""


class Rehearsed(lt.SessionRows):
    """``rows``, and the last change that would have been made."""

    def __init__(self, rows: lt.SessionRows) -> None:
        self.rows = rows
        self.last = lt.RowChange()

    def now(self) -> float:
        return self.rows.now()

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        return self.rows.read(keys)

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        return self.rows.scan(start, stop, limit)

    def write(self, change: lt.RowChange) -> bool:
        self.last = change
        return True


def compare(name: str, store: lt.RowSessionStore, raw: Raw) -> Figure:
    """Commit segment after segment, with ours and by hand in turns."""
    times = in_turns(commits(store, raw)).times[WARM:]
    return cost(f"{name} advance", "the store / its raw client", Pairs(times), at_most(GOAL))


def commits(
    store: lt.RowSessionStore, raw: Raw
) -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """Each next commit, by the store and by hand: the raw side gets the rows that ours writes."""
    rehearsed = Rehearsed(store.rows)
    store.create("ours", family="bench")
    for index in range(WARM + SEGMENTS):
        segment = lt.SessionSegment(
            index=index,
            step="sha256:" + "0" * 64,
            attempt=f"{index:032x}",
            request={"prompt": "a tram turns"},
            state_digest="sha256:" + "0" * 64,
            seconds=1.0,
            made_by="bench",
        )
        state = lt.ContinuationState.from_json(STATE.read_bytes())
        lt.RowSessionStore(rehearsed).advance("ours", index, segment, state)
        ((head, before),) = rehearsed.last.expected.items()
        assert before is not None
        key = head.replace("ours", "hand")
        rows = {name.replace("ours", "hand"): row for name, row in rehearsed.last.puts.items()}
        if not index:
            store.rows.write(lt.RowChange(puts={key: before}))
        yield (
            partial(store.advance, "ours", index, segment, state),
            partial(raw, key, before, rows.pop(key), rows),
        )


@contextmanager
def sqlite() -> Iterator[tuple[lt.RowSessionStore, Raw]]:
    """A file of one's own for each side would be another disk's luck: both write one file."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        path = Path(folder, "takes.db")
        store: Any = lt.open_session_store(f"sqlite://{path}")
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        upsert = (
            "INSERT INTO rows (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        )

        def raw(key: str, before: bytes, after: bytes, rows: Rows) -> None:
            connection.execute("BEGIN IMMEDIATE")
            found = connection.execute("SELECT value FROM rows WHERE key = ?", (key,)).fetchone()
            assert found[0] == before
            connection.execute(upsert, (key, after))
            for each in rows.items():
                connection.execute(upsert, each)
            connection.execute("COMMIT")

        with closing(store), closing(connection):
            yield store, raw


HAND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
for i = 2, #KEYS do
    redis.call('SET', KEYS[i], ARGV[i + 1])
    redis.call('ZADD', 'hand:index', 0, KEYS[i])
end
return 1
"""


@contextmanager
def redis() -> Iterator[tuple[lt.RowSessionStore, Raw]]:
    """A script by redis-py, with the index that finds the segments again."""
    import redis as client_library

    with tempfile.TemporaryDirectory() as folder, durable_redis(folder) as server:
        store: Any = lt.open_session_store(server.url)
        client = client_library.Redis(port=server.port)
        script, begun = client.register_script(HAND), list[str]()

        def raw(key: str, before: bytes, after: bytes, rows: Rows) -> None:
            if key not in begun:
                begun.append(key)
                client.set(f"hand:{key}", before)
            names = [f"hand:{each}" for each in (key, *rows)]
            assert script(keys=names, args=[before, after, *rows.values()])

        with closing(store), closing(client):
            client.set("warm", 1)
            yield store, raw


@contextmanager
def postgresql() -> Iterator[tuple[lt.RowSessionStore, Raw]]:
    """psycopg's pipeline: begin, lock the head, write, commit, in one round trip."""

    with tempfile.TemporaryDirectory() as folder, postgres(folder) as server:
        store: Any = lt.open_session_store(server.url)
        connection = server.client()
        connection.execute('CREATE TABLE hand (key text COLLATE "C" PRIMARY KEY, value bytea)')
        upsert = (
            "INSERT INTO hand (key, value) VALUES (%s, %b) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        )

        def raw(key: str, before: bytes, after: bytes, rows: Rows) -> None:
            with connection.pipeline():
                connection.execute("BEGIN")
                asked = "SELECT value FROM hand WHERE key = %s FOR UPDATE"
                found = connection.execute(asked, (key,))
                connection.execute(upsert, (key, after))
                for each in rows.items():
                    connection.execute(upsert, each)
                connection.execute("COMMIT")
            row = found.fetchone()
            assert row is None or bytes(row[0]) == before

        with closing(store), closing(connection):
            yield store, raw


@contextmanager
def durable_redis(folder: str) -> Iterator[RedisServer]:
    """One that writes to its disk before it answers."""
    options = ("--appendonly", "yes", "--appendfsync", "always", "--dir", folder)
    with running(server := RedisServer(Path(folder), *options)):
        yield server


@contextmanager
def postgres(folder: str) -> Iterator[PostgresServer]:
    """One that flushes each commit, as it does when nobody says otherwise."""
    with running(server := PostgresServer(Path(folder), "-c", "fsync=on")):
        yield server


def found() -> str | None:
    """Python has it."""
    return None


STORES: dict[str, tuple[Any, Callable[[], str | None]]] = {
    "sqlite": (sqlite, found),
    "redis": (redis, missing_redis),
    "postgresql": (postgresql, missing_postgres),
}


def figures(stores: Sequence[str]) -> Iterator[Told]:
    """One of each store that is here."""
    yield f"Median of {SEGMENTS} commits, each of which is flushed to the disk."
    for name in stores:
        use, missing = STORES[name]
        if why := missing():
            yield f"{name}: not measured, {why}"
            continue
        with use() as (store, raw):
            yield compare(name, store, raw)


def main() -> None:
    """Measure the stores that were asked for."""
    parser = PART.parser(__doc__)
    parser.add_argument("--stores", nargs="+", choices=sorted(STORES), default=[*STORES])
    asked = parser.parse_args()
    PART.tell(figures(asked.stores), asked.json)


if __name__ == "__main__":
    main()
