"""The contract: two futures from one past, which do not touch each other."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.testing.sessions.fixtures import SessionStoreFixtures
from longtake.testing.sessions.samples import (
    AnySessions,
    attempt,
    committed,
    new_id,
    new_session,
    picture_of,
    segment,
    state,
)

__all__ = ["BranchesContract"]


class BranchesContract(SessionStoreFixtures):
    """Of stores with `longtake.SupportsBranches`."""

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_a_fork_begins_with_its_parents_segments(
        self, branching: AnySessions, count: int
    ) -> None:
        """It has the first ones with their states, says where it left, and is at revision 0."""
        parent = new_session(branching, 3, preset="swing@1", labels={"a": "b"})
        new, mine = new_id(), attempt()
        made = branching.fork(parent, count, new, attempt=mine)
        assert made == branching.read(new)
        assert made.parent == lt.SessionParent(id=parent, num_segments=count)
        assert (made.revision, made.num_segments) == (0, count)
        assert (made.family, made.preset, made.labels) == ("contract", "swing@1", {"a": "b"})
        assert made.state == (state(count - 1) if count else None)
        of_parent = branching.history(parent)[:count]
        of_fork = branching.history(new)
        assert [each.step for each in of_fork] == [each.step for each in of_parent]
        assert [each.blob_ids for each in of_fork] == [each.blob_ids for each in of_parent]
        assert {each.attempt for each in of_fork} <= {mine}
        assert [branching.state(new, i) for i in range(count)] == [state(i) for i in range(count)]

    def test_a_fork_takes_labels_of_its_own(self, branching: AnySessions) -> None:
        """By them it is found, and its parent is not."""
        parent = new_session(branching, 1, labels={"take": "one"})
        new = new_id()
        branching.fork(parent, 1, new, labels={"take": "two"})
        assert [each.id for each in branching.list(labels={"take": "two"})] == [new]
        assert [each.id for each in branching.list(labels={"take": "one"})] == [parent]

    def test_what_happens_to_a_fork_does_not_touch_its_parent(self, branching: AnySessions) -> None:
        """A fork that goes on, goes back and is deleted leaves its parent as it was."""
        parent, new = new_session(branching, 3), new_id()
        before = picture_of(branching, parent)
        branching.fork(parent, 2, new, labels={"a": "fork"})
        branching.advance(new, 0, segment(2), state("the fork's"))
        assert picture_of(branching, parent) == before
        branching.rewind(new, 1, 1)
        branching.advance(new, 2, segment(1), state("the fork's"))
        assert picture_of(branching, parent) == before
        branching.delete(new)
        assert picture_of(branching, parent) == before

    def test_what_happens_to_a_parent_does_not_touch_its_forks(
        self, branching: AnySessions
    ) -> None:
        """A parent that goes on, goes back and is deleted leaves its forks as they were."""
        parent, new = new_session(branching, 3), new_id()
        branching.fork(parent, 3, new, labels={"a": "fork"})
        before = picture_of(branching, new)
        branching.advance(parent, 3, segment(3), state("the parent's"))
        assert picture_of(branching, new) == before
        branching.rewind(parent, 4, 1)
        branching.advance(parent, 5, segment(1), state("the parent's"))
        assert picture_of(branching, new) == before
        branching.delete(parent)
        assert picture_of(branching, new) == before
        committed(branching, new, 3, revision=0)

    def test_a_fork_needs_an_id_of_its_own(self, branching: AnySessions) -> None:
        """An id that is taken is `SessionExists`, and nothing changes."""
        parent, other = new_session(branching, 2), new_session(branching, 1)
        before = picture_of(branching, other)
        for taken in (other, parent):
            with pytest.raises(lt.SessionExists):
                branching.fork(parent, 1, taken)
        assert picture_of(branching, other) == before

    def test_the_same_fork_twice_is_once(self, branching: AnySessions) -> None:
        """Who does not know whether it was made makes it again with the same attempt."""
        parent, new, mine = new_session(branching, 2), new_id(), attempt()
        made = branching.fork(parent, 1, new, attempt=mine)
        assert branching.fork(parent, 1, new, attempt=mine) == made

    @pytest.mark.parametrize("count", [-1, 3, "1", None, 1.0, True])
    def test_more_segments_than_there_are_cannot_be_had(
        self, branching: AnySessions, count: Any
    ) -> None:
        """Neither a fork nor a rewind takes another number: `ValidationError`."""
        parent, new = new_session(branching, 2), new_id()
        before = picture_of(branching, parent)
        with pytest.raises(lt.ValidationError, match="num_segments"):
            branching.fork(parent, count, new)
        with pytest.raises(lt.ValidationError, match="num_segments"):
            branching.rewind(parent, 2, count)
        assert picture_of(branching, parent) == before
        with pytest.raises(lt.SessionNotFound):
            branching.read(new)

    @pytest.mark.parametrize("count", [0, 2])
    def test_rewound_segments_are_gone(self, branching: AnySessions, count: int) -> None:
        """They are in no history, no state is left of them, and the revision has grown by one."""
        session_id = new_session(branching, 4)
        kept = branching.history(session_id)[:count]
        record = branching.rewind(session_id, 4, count)
        assert record == branching.read(session_id)
        assert (record.revision, record.num_segments) == (5, count)
        assert record.state == (state(count - 1) if count else None)
        assert branching.history(session_id) == kept
        for index in range(count, 4):
            with pytest.raises(lt.ValidationError):
                branching.state(session_id, index)

    def test_a_rewound_session_goes_on(self, branching: AnySessions) -> None:
        """What comes in the place of rewound segments has nothing of them."""
        session_id = new_session(branching, 3)
        branching.rewind(session_id, 3, 1)
        new = branching.advance(session_id, 4, segment(1), None)
        assert branching.history(session_id)[1:] == [new]
        assert branching.state(session_id, 1) is None
        assert branching.read(session_id).revision == 5

    def test_a_rewind_of_another_revision_is_a_conflict(self, branching: AnySessions) -> None:
        """Like `advance`, it is compare-and-set."""
        session_id = new_session(branching, 3)
        before = picture_of(branching, session_id)
        with pytest.raises(lt.Conflict) as raised:
            branching.rewind(session_id, 2, 1)
        assert raised.value.revision == 3
        assert picture_of(branching, session_id) == before

    def test_an_attempt_that_was_rewound_is_not_made_again(self, branching: AnySessions) -> None:
        """A worker that was thought dead does not bring back what was let go: `Conflict`."""
        session_id = new_session(branching)
        mine = segment(0)
        branching.advance(session_id, 0, mine, state())
        branching.rewind(session_id, 1, 0)
        with pytest.raises(lt.Conflict) as raised:
            branching.advance(session_id, 0, mine, state())
        assert raised.value.revision == 2
        assert branching.history(session_id) == []
