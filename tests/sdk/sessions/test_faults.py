"""What `longtake.roll` survives: kills at any moment, races, clocks set back, no room, no rights.

``--longtake-kills N`` kills at N random moments; ``--raced N`` races for N segments.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

import longtake as lt
from longtake.session_stores.sqlite import SqliteRows
from tests.sdk.sessions.killing import (
    HOUR,
    LEASE_SECONDS,
    Deadly,
    Folder,
    in_child,
    prompt_of,
    say,
    truth,
)
from tests.sdk.sessions.roll_faults import NewFolder, RollFaults, check_goes_on
from tests.sdk.sessions.rooms import Grumpy, asked
from tests.sdk.toy_family import FOG


class TestRolls(RollFaults):
    """On SQLite."""

    @pytest.fixture
    def new_folder(self, tmp_path: Path) -> NewFolder:
        begun = {count: Folder.made(tmp_path / f"begun-{count}", count) for count in (0, 1)}
        names = (f"folder-{index}" for index in itertools.count())
        return lambda num_segments: begun[num_segments].copy(next(names))


@pytest.fixture(name="begun")
def begun(tmp_path: Path) -> Folder:
    """Of one segment."""
    return Folder.made(tmp_path / "begun", 1)


NUM_KILLS = 8


def check_goes_on_from_any(begun: Folder, expected: list[tuple[str, str | None]]) -> int:
    """How many segments a killed process had committed; all goes on as if it had not died."""
    num_segments = begun.check_whole()
    assert begun.digests() == expected[:num_segments]
    again = begun.roll_each(len(expected), ahead=HOUR)
    assert [each.is_new for each in again] == [True] * (len(expected) - num_segments)
    assert begun.check_whole() == len(expected)
    assert begun.digests() == expected
    begun.check_swept()
    return num_segments


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_boundaries_of_several_segments_leaves_whole_ones(
    begun: Folder, when: str
) -> None:
    """Of what `roll_each` asks of the two stores while it makes the next segment."""
    expected, committed = truth(4), Counter[int]()
    for nth in itertools.count(0, 5):
        folder = begun.copy(f"killed-{nth}")
        work = partial(folder.roll_each, 4, Deadly(nth, when), lease_seconds=LEASE_SECONDS)
        status = os.waitpid(in_child(work), 0)[1]
        committed[check_goes_on_from_any(folder, expected)] += 1
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0
            break
    assert committed.keys() == {1, 2, 3, 4}
    say(f"kills right {when} a use of a store, by segments that were left: {dict(committed)}")


def test_a_kill_at_any_moment_of_several_segments_leaves_whole_ones(
    begun: Folder, pytestconfig: pytest.Config
) -> None:
    expected, moments, left = truth(4), random.Random(21), Counter[int]()
    start = time.monotonic()
    os.waitpid(in_child(partial(begun.copy("timed").roll_each, 4)), 0)
    longest = 1.2 * (time.monotonic() - start)
    asked_for: int | None = pytestconfig.getoption("--longtake-kills")
    for nth in range(NUM_KILLS if asked_for is None else asked_for):
        folder = begun.copy(f"killed-{nth}")
        child = in_child(partial(folder.roll_each, 4, lease_seconds=LEASE_SECONDS))
        time.sleep(moments.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left[check_goes_on_from_any(folder, expected)] += 1
    say(f"kills at random moments, by segments that were left: {dict(left)}")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_connection_is_cut_is_made_once(begun: Folder, when: str) -> None:
    """And nothing of it is left over, whichever use of the store it was."""
    expected, cuts = truth(2), 0
    for nth in range(40):
        folder = begun.copy(f"cut-{nth}")
        sessions, blobs = folder.opened()
        cut = Grumpy(sessions.rows, fails={nth}, after=when == "after")
        with lt.Pipeline(FOG) as pipeline:
            rolled = lt.roll(
                lt.RowSessionStore(cut),
                "s",
                asked(prompt_of(1)),
                pipeline=pipeline,
                blobs=blobs,
                lease_seconds=LEASE_SECONDS,
            )
        sessions.close()
        assert rolled.is_new
        assert folder.check_whole() == 2
        assert folder.digests() == expected
        folder.check_swept()
        if cut.uses < nth:
            break
        cuts += 1
    assert 5 < cuts < 40
    say(f"{cuts} cuts {when} the store did what it was asked")


@pytest.mark.parametrize("first", [0, 3, 7])
def test_a_store_that_is_away_for_a_while_is_waited_for(begun: Folder, first: int) -> None:
    sessions, blobs = begun.opened()
    away = lt.RowSessionStore(Grumpy(sessions.rows, fails=set(range(first, first + 5))))
    with lt.Pipeline(FOG) as pipeline:
        rolled = lt.roll(away, "s", asked(prompt_of(1)), pipeline=pipeline, blobs=blobs)
    sessions.close()
    assert rolled.is_new
    assert begun.check_whole() == 2
    assert begun.digests() == truth(2)
    begun.check_swept()


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_a_clock_that_is_set_changes_nothing_that_is_committed(begun: Folder, ahead: float) -> None:
    """Between segments; sweeps beside it take nothing that is needed."""
    for index, shift in ((1, ahead), (2, 0.0), (3, ahead)):
        assert begun.roll(expected_revision=index, ahead=shift).is_new
        sessions, blobs = begun.opened(shift)
        lt.sweep_sessions(sessions, blobs)
        sessions.close()
    assert begun.check_whole() == 4
    assert begun.digests() == truth(4)
    begun.check_swept()


class NoRoom(SqliteRows):
    """Whose file finds no room for another row; the error is SQLite's own."""

    def write(self, change: lt.RowChange) -> bool:
        if change.puts:
            connection = sqlite3.connect(":memory:")
            connection.execute("PRAGMA max_page_count = 2")
            connection.execute("CREATE TABLE rows (value)")
            try:
                connection.execute("INSERT INTO rows VALUES (zeroblob(100000))")
            finally:
                connection.close()
        return super().write(change)


def test_a_session_store_without_room_says_so_and_stays_as_it_was(begun: Folder) -> None:
    _, blobs = begun.opened()
    full = lt.RowSessionStore(NoRoom(str(begun.path / "sessions.db")))
    with lt.Pipeline(FOG) as pipeline, pytest.raises(lt.SessionStoreFull, match="make room"):
        lt.roll(full, "s", asked(prompt_of(1)), pipeline=pipeline, blobs=blobs)
    full.close()
    check_as_before(begun)


def test_a_blob_store_without_room_says_so_and_stays_as_it_was(
    begun: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = os.pwrite, [0]

    def pwrite(file: int, data: bytes, offset: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data, offset)

    for allowed in (0, 1, 2, 3):
        left[0] = allowed
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", pwrite)
            with pytest.raises(lt.BlobStoreFull, match="make room"):
                begun.roll(expected_revision=1)
        assert begun.check_whole() == 1
    check_as_before(begun)


def check_as_before(folder: Folder) -> None:
    """One segment and nothing else; the next one can be rolled."""
    assert folder.check_whole() == 1
    folder.check_swept()
    assert check_goes_on(folder, truth(2)) is False


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user, which root alone can")
def test_a_folder_that_is_read_only_says_so_and_stays_as_it_was(
    begun: Folder, tmp_path: Path
) -> None:
    for each in (tmp_path, *tmp_path.parents):
        if Path(tempfile.gettempdir()) in each.parents:
            each.chmod(0o711)  # so that the other user finds the folder
    for each in (begun.path, *begun.path.rglob("*")):
        each.chmod(0o555 if each.is_dir() else 0o444)

    def roll() -> None:
        os.setuid(65534)
        with pytest.raises((lt.SessionStoreUnavailable, lt.BlobStoreUnavailable), match="needs to"):
            begun.roll(expected_revision=1, patience=0.1)

    assert os.waitpid(in_child(roll), 0)[1] == 0
    check_as_before(begun)
