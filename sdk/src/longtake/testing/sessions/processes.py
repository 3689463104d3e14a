"""The contract: processes that open a store by its pickle change the same sessions."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

import longtake as lt
from longtake.testing.blobs.processes import OtherProcess
from longtake.testing.sessions import worker
from longtake.testing.sessions.fixtures import SessionStoreFixtures
from longtake.testing.sessions.samples import AnySessions, committed, new_session, state

__all__ = ["SessionProcessesContract"]


class SessionProcessesContract(SessionStoreFixtures):
    """Skipped for stores whose pickling is refused."""

    @pytest.fixture
    def other_processes(self, store: AnySessions) -> Iterator[list[OtherProcess]]:
        """Two other processes that have opened ``store``."""
        processes = [OtherProcess(store), OtherProcess(store)]
        yield processes
        for each in processes:
            each.end()

    def test_pickling_is_refused_with_a_session_error_or_opens_the_store(
        self, store: AnySessions
    ) -> None:
        """A store that lives in one process says so."""
        try:
            content = pickle.dumps(store)
        except lt.SessionError:
            return
        assert isinstance(pickle.loads(content), lt.SessionStore)

    def test_processes_see_each_others_commits(
        self, store: AnySessions, other_processes: list[OtherProcess]
    ) -> None:
        """What one has committed the next one continues."""
        session_id = new_session(store, 1)
        got = other_processes[0].call(worker.commit, session_id, 1)
        committed(store, session_id, 2)
        other_processes[1].call(worker.commit, session_id, 3)
        history = store.history(session_id)
        assert history[1] == got
        assert [each.index for each in history] == [0, 1, 2, 3]
        assert store.read(session_id).state == state(3)

    def test_of_two_processes_exactly_one_wins(
        self, store: AnySessions, other_processes: list[OtherProcess]
    ) -> None:
        """All segments that two processes race for are committed, in order, each by one of them."""
        session_id = new_session(store)
        total = 2 * self.rounds
        for each in other_processes:
            each.begin(worker.race, session_id, total)
        won = [pickle.load(each.answers) for each in other_processes]
        history = store.history(session_id)
        assert [each.index for each in history] == list(range(total))
        assert sorted(each.attempt for each in history) == sorted([*won[0], *won[1]])
        assert store.read(session_id).revision == total

    def test_a_store_is_usable_after_a_fork(
        self, store: AnySessions, other_processes: list[OtherProcess]
    ) -> None:
        """A process that was forked while the store was open uses it, and so does the first."""
        session_id = new_session(store, 1)
        assert other_processes[0].call(worker.use_in_fork, session_id) == (2, 3)
        assert store.read(session_id).num_segments == 3

    def test_a_kill_leaves_the_old_or_the_new_segment_whole(
        self, store: AnySessions, other_processes: list[OtherProcess], pytestconfig: pytest.Config
    ) -> None:
        """Nothing whose `advance` returned is lost, and nothing is there in part."""
        asked: int | None = pytestconfig.getoption("--longtake-kills")
        session_id = new_session(store)
        told: list[str] = []
        for seed in range(self.kills if asked is None else asked):
            told += other_processes[0].call(worker.advance_until_killed, session_id, seed)
            record, history = _settled(store, session_id)
            assert [each.index for each in history] == list(range(len(history)))
            assert record.revision == record.num_segments == len(history)
            assert history, "no process committed anything"
            assert worker.is_whole_state(record.state, len(history) - 1)
        lost = set(told) - {each.attempt for each in store.history(session_id)}
        assert not lost, f"{len(lost)} of {len(told)} segments are gone"
        torn = [
            index
            for index in range(store.read(session_id).num_segments)
            if not worker.is_whole_state(store.state(session_id, index), index)
        ]
        assert torn == []


def _settled(
    store: AnySessions, session_id: str
) -> tuple[lt.SessionRecord, list[lt.SessionSegment]]:
    """The session and its segments at one moment: a server may go on for a client that is dead."""
    record = store.read(session_id)
    while True:
        history = store.history(session_id)
        before, record = record, store.read(session_id)
        if record == before:
            return record, history
