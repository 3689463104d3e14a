"""What `longtake.roll` survives: kills at any moment, races, clocks set back, no room, no rights.

``--longtake-kills N`` kills at N random moments; ``--raced N`` races for N segments.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import sqlite3
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
from tests.sdk.sessions.rooms import Grumpy, asked
from tests.sdk.toy_family import FOG

NUM_KILLS = 20


@pytest.fixture(name="begun")
def begun(tmp_path: Path) -> Folder:
    """Of one segment."""
    return Folder.made(tmp_path / "begun", 1)


def check_goes_on(folder: Folder, expected: list[tuple[str, str | None]]) -> bool:
    """Whether the killed process had committed; either way all goes on as if it had not died."""
    num_segments = folder.check_whole()
    assert num_segments in (1, 2)
    again = folder.roll(expected_revision=1, ahead=HOUR)
    assert again.is_new is (num_segments == 1)
    assert folder.check_whole() == 2
    assert folder.digests() == expected
    folder.check_swept()
    assert folder.check_whole() == 2
    return num_segments == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_boundary_leaves_the_old_or_the_new_segment(begun: Folder, when: str) -> None:
    """Of what `roll` asks of the two stores, until a process lives through all of it."""
    expected, committed, nth = truth(2), 0, 0
    while True:
        folder = begun.copy(f"killed-{nth}")
        deadly = Deadly(nth, when)
        child = in_child(
            partial(folder.roll, deadly, expected_revision=1, lease_seconds=LEASE_SECONDS)
        )
        status = os.waitpid(child, 0)[1]
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        committed += check_goes_on(folder, expected)
        nth += 1
    assert nth > 10
    assert 0 < committed < nth
    say(f"{nth} kills right {when} each use of a store, {committed} with the segment committed")


def test_a_kill_at_any_moment_leaves_the_old_or_the_new_segment(
    begun: Folder, pytestconfig: pytest.Config
) -> None:
    expected, moments, outcomes = truth(2), random.Random(12), Counter[str]()
    timed = begun.copy("timed")
    start = time.monotonic()
    os.waitpid(in_child(partial(timed.roll, expected_revision=1)), 0)
    longest = 1.2 * (time.monotonic() - start)
    asked_for: int | None = pytestconfig.getoption("--longtake-kills")
    for index in range(NUM_KILLS if asked_for is None else asked_for):
        folder = begun.copy(f"killed-{index}")
        child = in_child(partial(folder.roll, expected_revision=1, lease_seconds=LEASE_SECONDS))
        time.sleep(moments.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        committed = check_goes_on(folder, expected)
        assert killed or committed
        outcomes[f"{'killed' if killed else 'ended'}, {'new' if committed else 'old'}"] += 1
    say(f"kills at random moments: {dict(outcomes)}")


def race(folder: Folder, total: int, claim_seconds: float, log: Path) -> None:
    """Roll until there are ``total`` segments; the attempts that this process committed."""
    sessions, blobs = folder.opened()
    won: list[str] = []
    with lt.Pipeline(FOG) as pipeline:
        while (session := sessions.read("s")).num_segments < total:
            request = asked(prompt_of(session.num_segments))
            rolled = lt.roll(
                sessions,
                "s",
                request,
                pipeline=pipeline,
                blobs=blobs,
                expected_revision=session.revision,
                claim_seconds=claim_seconds,
            )
            assert rolled.segment.index == session.num_segments
            won += [rolled.segment.attempt] * rolled.is_new
    log.write_text(" ".join(won))


@pytest.mark.parametrize("claim_seconds", [0.02, 60.0])
@pytest.mark.parametrize("num_workers", [2, 8])
def test_each_segment_is_committed_once_by_one_of_those_who_race(
    tmp_path: Path, num_workers: int, claim_seconds: float, pytestconfig: pytest.Config
) -> None:
    """Of the same step the others get the winner's; with short claims most do the work in vain."""
    total: int = pytestconfig.getoption("--raced")
    folder = Folder.made(tmp_path / "raced", 0)
    logs = [tmp_path / f"won-{index}" for index in range(num_workers)]
    workers = [in_child(partial(race, folder, total, claim_seconds, each)) for each in logs]
    assert [os.waitpid(each, 0)[1] for each in workers] == [0] * num_workers
    won = [log.read_text().split() for log in logs]
    sessions, _ = folder.opened()
    attempts = [each.attempt for each in sessions.history("s")]
    sessions.close()
    assert sorted(attempt for some in won for attempt in some) == sorted(attempts)
    assert folder.check_whole() == total
    assert folder.digests() == truth(total)
    folder.check_swept()
    say(f"{num_workers} workers, {total} segments: {[len(some) for some in won]} each")


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
    for each in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        each.chmod(0o755)  # so that the other user finds the folder
    for each in (begun.path, *begun.path.rglob("*")):
        each.chmod(0o555 if each.is_dir() else 0o444)

    def roll() -> None:
        os.setuid(65534)
        with pytest.raises((lt.SessionStoreUnavailable, lt.BlobStoreUnavailable), match="needs to"):
            begun.roll(expected_revision=1, patience=0.1)

    assert os.waitpid(in_child(roll), 0)[1] == 0
    check_as_before(begun)
