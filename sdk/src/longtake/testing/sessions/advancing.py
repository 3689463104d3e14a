"""The contract: of several who commit the next segment, exactly one does, and once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

import longtake as lt
from longtake.testing.sessions.fixtures import SessionStoreFixtures
from longtake.testing.sessions.samples import (
    AnySessions,
    attempt,
    committed,
    new_session,
    picture_of,
    segment,
    state,
)

__all__ = ["AdvancingContract"]

THREADS = 8


class AdvancingContract(SessionStoreFixtures):
    """`advance` is compare-and-set."""

    @pytest.mark.parametrize("revision", [0, 1, 2, 4, 10**9])
    def test_another_revision_is_a_conflict(self, store: AnySessions, revision: int) -> None:
        """`Conflict` says whose session it is and its revision as it is; nothing changes."""
        session_id = new_session(store, 3)
        before = picture_of(store, session_id)
        with pytest.raises(lt.Conflict) as raised:
            store.advance(session_id, revision, segment(revision), state("the loser's"))
        assert (raised.value.session_id, raised.value.revision) == (session_id, 3)
        assert picture_of(store, session_id) == before

    def test_a_conflict_leaves_nothing_of_the_loser(self, store: AnySessions) -> None:
        """The winner's segment, state and time stay, though the loser's are of the same index."""
        session_id = new_session(store)
        won = store.advance(session_id, 0, segment(0), state("the winner's"))
        with pytest.raises(lt.Conflict):
            store.advance(session_id, 0, segment(0, made_by="loser"), state("the loser's"))
        with pytest.raises(lt.Conflict):
            store.advance(session_id, 0, segment(0, made_by="loser"), None)
        assert store.history(session_id) == [won]
        assert store.state(session_id, 0) == state("the winner's")

    @pytest.mark.parametrize("index", [0, 1, 3, 7])
    def test_a_segment_that_is_not_the_next_one_is_refused(
        self, store: AnySessions, index: int
    ) -> None:
        """At the right revision it is a `ValidationError`, and nothing changes."""
        session_id = new_session(store, 2)
        before = picture_of(store, session_id)
        with pytest.raises(lt.ValidationError, match="index"):
            store.advance(session_id, 2, segment(index), state(index))
        assert picture_of(store, session_id) == before

    @pytest.mark.parametrize("revision", [-1, "0", None, 0.0, True])
    def test_what_is_no_revision_is_refused(self, store: AnySessions, revision: Any) -> None:
        """It is a `ValidationError`, and nothing changes."""
        session_id = new_session(store)
        with pytest.raises(lt.ValidationError, match="revision"):
            store.advance(session_id, revision, segment(0), state())
        assert store.history(session_id) == []

    def test_the_same_attempt_twice_is_once(self, store: AnySessions) -> None:
        """Who does not know whether a commit was made makes it again, and gets its segment."""
        session_id = new_session(store)
        mine = segment(0)
        first = store.advance(session_id, 0, mine, state())
        before = picture_of(store, session_id)
        assert store.advance(session_id, 0, mine, state()) == first
        assert picture_of(store, session_id) == before

    def test_the_same_attempt_is_known_after_others_went_on(self, store: AnySessions) -> None:
        """Also when the session is further by now."""
        session_id = new_session(store, 1)
        mine = segment(1)
        first = store.advance(session_id, 1, mine, state(1))
        committed(store, session_id, 2)
        committed(store, session_id, 3)
        assert store.advance(session_id, 1, mine, state(1)) == first
        assert store.read(session_id).num_segments == 4

    def test_another_attempt_at_the_same_step_is_another(self, store: AnySessions) -> None:
        """Equal in all but the attempt, it has lost, and is told so."""
        session_id = new_session(store)
        store.advance(session_id, 0, segment(0), state())
        with pytest.raises(lt.Conflict):
            store.advance(session_id, 0, segment(0), state())

    def test_of_many_threads_exactly_one_wins(self, store: AnySessions) -> None:
        """Each round has one winner; the others hear its revision, and their segments are gone."""
        session_id = new_session(store)
        won = []
        for index in range(self.rounds):
            outcomes = _at_once(partial(_tried, store, session_id, index))
            winners = [each for each in outcomes if isinstance(each, lt.SessionSegment)]
            assert len(winners) == 1, f"{len(winners)} of {THREADS} threads won segment {index}"
            assert [each for each in outcomes if isinstance(each, int)] == [index + 1] * (
                THREADS - 1
            )
            won += winners
        assert store.history(session_id) == won
        record = store.read(session_id)
        assert (record.revision, record.num_segments) == (self.rounds, self.rounds)
        for each in won:
            assert store.state(session_id, each.index) == state(each.attempt)

    def test_the_same_attempt_from_many_threads_is_once(self, store: AnySessions) -> None:
        """All of them get the one segment."""
        session_id = new_session(store)
        for index in range(3):
            mine = segment(index)
            outcomes = _at_once(partial(_committed, store, session_id, mine))
            assert {each.committed for each in outcomes} == {outcomes[0].committed}
        assert len(store.history(session_id)) == 3

    def test_a_session_is_created_by_one_of_many_threads(self, store: AnySessions) -> None:
        """The others are told that it exists."""
        session_id = attempt()

        def create(number: int) -> int | None:
            try:
                store.create(session_id, family="contract", labels={"by": str(number)})
            except lt.SessionExists:
                return None
            return number

        winners = [each for each in _at_once(create) if each is not None]
        assert len(winners) == 1, f"{len(winners)} of {THREADS} threads created it"
        assert store.read(session_id).labels == {"by": str(winners[0])}

    def test_what_is_read_is_of_one_moment(self, store: AnySessions) -> None:
        """While others commit, a record's last segment and state are those of its revision."""
        session_id, torn = new_session(store), []
        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                record = store.read(session_id)
                last = -1 if record.last is None else record.last.index
                number = None if record.state is None else record.state.payload["number"]
                if (record.revision, number) != (last + 1, None if last < 0 else last):
                    torn.append(record)

        reader = threading.Thread(target=look)
        reader.start()
        try:
            for index in range(4 * self.rounds):
                committed(store, session_id, index)
        finally:
            done.set()
            reader.join()
        assert torn == []


def _tried(store: AnySessions, session_id: str, index: int, _: int) -> object:
    """The segment when it was committed, or the revision that the conflict tells."""
    mine = segment(index)
    try:
        return store.advance(session_id, index, mine, state(mine.attempt))
    except lt.Conflict as conflict:
        return conflict.revision


def _committed(store: AnySessions, session_id: str, mine: lt.SessionSegment, _: int) -> Any:
    return store.advance(session_id, mine.index, mine, state())


def _at_once(use: Callable[[int], Any]) -> list[Any]:
    """What ``use(number)`` gives in each of several threads that begin together."""
    together = threading.Barrier(THREADS, timeout=60)

    def begin(number: int) -> Any:
        together.wait()
        return use(number)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(begin, range(THREADS)))
