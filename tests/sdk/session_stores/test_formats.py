"""Sessions that were written in each format are read, continued and branched by this release.

``format_N.json`` has the rows of a store, ``format_N.db`` is such a store in SQLite. They were
written by `write_sessions` when the format was made, and are never edited: a new format gets new
ones.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.session_stores.memory import MemoryRows
from longtake.session_stores.sqlite import SqliteRows

HERE = Path(__file__).parent
FILES = {
    "format_1.json": "bb5f022c1c6e83aedb7c9dab67d762ff9d368396d3175eb58e8d20bf2bf68c7c",
    "format_1.db": "8c458bb6910c4b3818e044e49f2557cdb0f2c21d5df3fdd73aa836fc3d64e08c",
}
ATTEMPTS = [f"{number:x}" * 32 for number in range(10)]


NOW = 1_764_389_454.25


class FixedRows(MemoryRows):
    """Rows at one moment."""

    def now(self) -> float:
        return NOW


class FixedFile(SqliteRows):
    """A file at the same moment."""

    def now(self) -> float:
        return NOW


def segment(index: int, attempt: str) -> lt.SessionSegment:
    return lt.SessionSegment(
        index=index,
        step=f"sha256:{index:064x}",
        attempt=attempt,
        request={"prompt": f"Caf\u00e9 {index}", "seed": 2**64 + index, "strength": 0.1},
        state_digest=f"sha256:{index + 1:064x}",
        media=(f"media-{index}",),
        blob_ids=(f"state-{index}", f"media-{index}"),
        seconds=1.5,
        made_by="worker 7",
        versions={"longtake": "0.1.0"},
    )


def state(index: int) -> lt.ContinuationState:
    return lt.ContinuationState("fog.v1", {"number": index, "level": 1 / 3, "text": "\u6e2f"})


def write_sessions(store: lt.RowSessionStore) -> None:
    """A take with an end, a fork of it, a claim, and holds of each kind."""
    store.create(
        "harbour",
        family="fog",
        preset="swing@1",
        labels={"show": "harbour"},
        expires_in=300_000_000.0,
        attempt=ATTEMPTS[0],
    )
    for index in range(3):
        store.advance("harbour", index, segment(index, ATTEMPTS[1 + index]), state(index))
    store.fork("harbour", 2, "harbour-night", labels={"show": "night"}, attempt=ATTEMPTS[4])
    store.rewind("harbour", 3, 2)
    store.begin("harbour", "sha256:" + "5" * 64, holder="worker 7", for_seconds=300_000_000.0)
    store.hold(["blob-to-come"], for_seconds=300_000_000.0, attempt=ATTEMPTS[5])


def rows_of(name: str) -> dict[str, str]:
    rows: dict[str, str] = json.loads((HERE / name).read_text())
    return rows


def from_rows(_: Path) -> lt.RowSessionStore:
    rows = FixedRows()
    puts = {key: row.encode() for key, row in rows_of("format_1.json").items()}
    assert rows.write(lt.RowChange(puts=puts))
    return lt.RowSessionStore(rows)


def from_file(folder: Path) -> lt.RowSessionStore:
    shutil.copy(HERE / "format_1.db", folder / "takes.db")
    return lt.RowSessionStore(FixedFile(str(folder / "takes.db")))


@pytest.fixture(params=[from_rows, from_file])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[lt.RowSessionStore]:
    opened: Callable[[Path], lt.RowSessionStore] = request.param
    store = opened(tmp_path)
    yield store
    store.close()


def test_the_fixtures_are_as_they_were_written() -> None:
    digests = {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in FILES}
    assert digests == FILES
    assert {each.name for each in HERE.glob("format_*")} == FILES.keys()


def test_a_session_of_format_1_is_read(store: lt.RowSessionStore) -> None:
    record = store.read("harbour")
    assert (record.revision, record.num_segments, record.preset) == (4, 2, "swing@1")
    assert (record.labels, record.state) == ({"show": "harbour"}, state(1))
    assert record.expires is not None and record.expires > 2_000_000_000
    history = store.history("harbour")
    assert [each.step for each in history] == [segment(i, "a").step for i in range(2)]
    assert [each.request for each in history] == [segment(i, "a").request for i in range(2)]
    assert [each.attempt for each in history] == ATTEMPTS[1:3]
    fork = store.read("harbour-night")
    assert fork.parent == lt.SessionParent(id="harbour", num_segments=2)
    assert {each.attempt for each in store.history("harbour-night")} == {ATTEMPTS[4]}
    assert [each.id for each in store.list(labels={"show": "night"})] == ["harbour-night"]
    assert store.held() == {"state-0", "media-0", "state-1", "media-1", "blob-to-come"}
    assert not store.begin("harbour", "s", holder="another", for_seconds=1.0).granted


def test_a_session_of_format_1_goes_on(store: lt.RowSessionStore) -> None:
    store.advance("harbour", 4, segment(2, ATTEMPTS[6]), state(2))
    store.advance("harbour-night", 0, segment(2, ATTEMPTS[7]), None)
    store.fork("harbour", 3, "harbour-day")
    assert store.read("harbour-day").state == state(2)
    assert store.rewind("harbour", 5, 1).state == state(0)
    assert store.expire("harbour", None).expires is None
    (rewound, *_) = [each for each in store.revoke_over() if each.attempt == ATTEMPTS[3]]
    assert rewound.blob_ids == ("state-2", "media-2")
    store.delete("harbour")
    assert [each.id for each in store.list()] == ["harbour-day", "harbour-night"]


def test_an_attempt_of_format_1_is_known(store: lt.RowSessionStore) -> None:
    again = store.advance("harbour", 1, segment(1, ATTEMPTS[2]), state(1))
    assert again == store.history("harbour")[1]


def test_this_release_writes_format_1() -> None:
    rows = FixedRows()
    write_sessions(lt.RowSessionStore(rows))
    written = {key: row.decode() for key, row in rows.scan("a", "z", 1000)}
    assert sorted(map(plain, written.items())) == sorted(
        map(plain, rows_of("format_1.json").items())
    )


def plain(row: tuple[str, str]) -> str:
    """A row without what is drawn or measured anew each time."""
    key, text = row
    if not text.startswith("{"):
        return f"{key} {text}"
    document: dict[str, Any] = json.loads(text)
    if key.startswith("hold/"):
        key, document["id"] = "hold/", ""
    if "committed" in document:
        document["committed"] = round(document["committed"])
    return f"{key} {json.dumps(document)}"
