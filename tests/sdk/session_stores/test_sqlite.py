"""Sessions in one SQLite file."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.session_stores import sqlite
from longtake.session_stores.sqlite import SqliteRows, open_store
from longtake.testing import SessionStoreContract
from longtake.testing.sessions.samples import committed, new_session, picture_of, segment, state


def url_of(path: Path) -> str:
    return f"sqlite://{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "takes.db"


@pytest.fixture
def store(path: Path) -> Iterator[lt.RowSessionStore]:
    store = open_store(url_of(path))
    yield store
    store.close()


class TestSqliteSessions(SessionStoreContract):
    @pytest.fixture
    def store(self, path: Path) -> Iterator[Any]:
        store: Any = lt.open_session_store(url_of(path))
        yield store
        store.close()


def commit_one(path: Path, number: int, together: Any) -> None:
    together.wait(60)
    store = open_store(url_of(path))
    store.create(f"process-{number}", family="test")
    store.advance(f"process-{number}", 0, segment(0), state(number))
    store.close()


def test_eight_processes_make_one_file_together(path: Path) -> None:
    fresh = multiprocessing.get_context("spawn")
    together = fresh.Barrier(8)
    processes = [fresh.Process(target=commit_one, args=(path, n, together)) for n in range(8)]
    for each in processes:
        each.start()
    for each in processes:
        each.join(120)
    assert [each.exitcode for each in processes] == [0] * 8
    with closing(open_store(url_of(path))) as store:
        assert [store.read(f"process-{n}").state for n in range(8)] == [state(n) for n in range(8)]


def test_only_its_owner_may_read_the_file(store: lt.RowSessionStore, path: Path) -> None:
    new_session(store, 1)
    modes = {each.name: oct(each.stat().st_mode & 0o777) for each in path.parent.iterdir()}
    assert modes["takes.db"] == "0o600"
    assert set(modes.values()) == {"0o600"}


def test_a_relative_url_is_of_the_folder_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with closing(open_store("sqlite:my%20takes.db")) as store:
        monkeypatch.chdir(tmp_path / "elsewhere")
        session_id = new_session(store, 1)
    for url in (f"sqlite://{tmp_path}/my%20takes.db", f"sqlite:{tmp_path}/my%20takes.db"):
        with closing(open_store(url)) as again:
            assert again.read(session_id).num_segments == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "url", ["sqlite:", "sqlite://", "sqlite:a%00b", "sqlite:///a.db?mode=ro", "sqlite:a.db#b"]
)
def test_what_names_no_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(lt.ValidationError) as raised:
        open_store(url)
    assert raised.value.path == "sessions"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(lt.SessionStoreUnavailable, match=r"absent/takes\.db"):
        open_store(url_of(tmp_path / "absent" / "takes.db"))


def test_a_file_that_is_no_database_is_refused_and_stays(path: Path) -> None:
    path.write_bytes(b"my diary " * 1000)
    with pytest.raises(lt.SessionError, match="not a database"):
        open_store(url_of(path))
    assert path.read_bytes() == b"my diary " * 1000


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE rows (key TEXT, value BLOB)",
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 7",
        "CREATE TABLE t (a); PRAGMA user_version = 1; PRAGMA application_id = 7",
    ],
)
def test_another_applications_database_is_refused_and_stays(path: Path, made: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(made)
    before = path.read_bytes()
    with pytest.raises(lt.SessionError, match="another application"):
        open_store(url_of(path))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_another_releases_file_is_refused_and_stays(path: Path) -> None:
    with closing(open_store(url_of(path))) as store:
        new_session(store, 1)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 2")
    with pytest.raises(lt.SessionError, match="format 2.*reads 1"):
        open_store(url_of(path))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM rows").fetchone()[0] == 4


def test_a_damaged_file_is_a_session_error(path: Path) -> None:
    with closing(open_store(url_of(path))) as store:
        session_id = new_session(store, 30)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(lt.SessionError, match=r"takes\.db"):
        open_store(url_of(path)).read(session_id)


@pytest.mark.parametrize("after", ["removed", "replaced"])
def test_a_file_that_is_taken_away_is_said_and_not_written_on(
    store: lt.RowSessionStore, path: Path, after: str
) -> None:
    session_id = new_session(store, 1)
    path.unlink()
    if after == "replaced":
        path.write_bytes(b"")
    with pytest.raises(lt.SessionStoreUnavailable, match=r"takes\.db"):
        committed(store, session_id, 1)
    with pytest.raises(lt.SessionStoreUnavailable, match=r"takes\.db"):
        store.read(session_id)


def test_a_writer_that_never_ends_is_waited_for_and_then_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.2)
    with closing(open_store(url_of(path))) as store:
        session_id = new_session(store, 1)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert store.read(session_id).num_segments == 1
            with pytest.raises(lt.SessionStoreUnavailable, match="locked"):
                committed(store, session_id, 1)
            other.execute("ROLLBACK")
        committed(store, session_id, 1)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_commit_without_room_leaves_the_old_segment_whole(
    store: lt.RowSessionStore, path: Path
) -> None:
    session_id = new_session(store, 2)
    before = picture_of(store, session_id)
    mine, large = segment(2), state("x" * 3_000_000)
    with files_no_larger_than(1_000_000), pytest.raises(lt.SessionError, match=r"takes\.db"):
        store.advance(session_id, 2, mine, large)
    assert picture_of(store, session_id) == before
    with closing(open_store(url_of(path))) as another:
        assert picture_of(another, session_id) == before
    store.advance(session_id, 2, mine, large)
    assert store.read(session_id).state == large


def test_a_full_disk_is_called_full(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (a)")
        database.commit()
        database.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as raised:
            database.execute("INSERT INTO t VALUES (randomblob(100000))")
    meaning = SqliteRows(str(path)).failure(raised.value)
    assert isinstance(meaning, lt.SessionStoreFull)
    assert str(path) in str(meaning)


def said_by_nobody(url: str) -> str:
    """What a process without rights says when it opens the store and commits."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            os.write(writing, said_by(url).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def said_by(url: str) -> str:
    try:
        with closing(open_store(url)) as store:
            new_session(store, 1)
    except lt.SessionError as error:
        return f"{type(error).__name__}: {error}"
    return "it was committed"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_that_may_not_be_written_is_said(is_there: bool) -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    try:
        path = folder / "takes.db"
        if is_there:
            open_store(url_of(path)).close()
            path.chmod(0o444)
        folder.chmod(0o555)
        said = said_by_nobody(url_of(path))
        assert said.startswith("SessionStoreUnavailable")
        assert str(path) in said
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_forked_process_harms_nothing_by_closing(store: lt.RowSessionStore, path: Path) -> None:
    session_id = new_session(store, 1)
    child = os.fork()
    if child == 0:
        store.close()
        os._exit(0)
    os.waitpid(child, 0)
    committed(store, session_id, 1)
    with closing(open_store(url_of(path))) as another:
        assert another.read(session_id).num_segments == 2
