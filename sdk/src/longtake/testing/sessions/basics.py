"""The contract: a session is what was created and committed, until it is deleted."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.testing.sessions.fixtures import SessionStoreFixtures
from longtake.testing.sessions.samples import (
    AnySessions,
    committed,
    new_id,
    new_session,
    picture_of,
    segment,
    state,
    unstamped,
    uses_of_an_id,
)

__all__ = ["SessionBasicsContract"]


class SessionBasicsContract(SessionStoreFixtures):
    """Create, read, advance, history, state and delete, one at a time."""

    def test_it_is_a_session_store(self, store: AnySessions) -> None:
        """It has every method of the protocol."""
        assert isinstance(store, lt.SessionStore)

    def test_a_new_session_is_read_as_it_was_created(self, store: AnySessions) -> None:
        """What `create` gives is what `read` gives: revision 0, no segments."""
        session_id, labels = new_id(), {"show": "harbour"}
        made = store.create(session_id, family="contract", preset="swing@1", labels=labels)
        assert made == store.read(session_id)
        assert (made.id, made.family, made.preset) == (session_id, "contract", "swing@1")
        assert (made.revision, made.num_segments, made.last, made.state) == (0, 0, None, None)
        assert (made.labels, made.parent, made.expires) == (labels, None, None)
        assert made.created > 0
        assert store.history(session_id) == []

    def test_a_session_is_created_once(self, store: AnySessions) -> None:
        """A second `create` of an id is `SessionExists`, and the first one's session stays."""
        session_id = new_session(store, 1)
        before = picture_of(store, session_id)
        with pytest.raises(lt.SessionExists, match=session_id):
            store.create(session_id, family="another", labels={"a": "b"})
        assert picture_of(store, session_id) == before
        assert store.list(labels={"a": "b"}) == []

    def test_a_session_is_created_with_its_segments(self, store: AnySessions) -> None:
        """An import has its segments at once, from revision 0 on."""
        session_id = new_id()
        segments = [(segment(index), state(index)) for index in range(3)]
        made = store.create(session_id, family="contract", segments=segments)
        assert made == store.read(session_id)
        assert (made.revision, made.num_segments, made.state) == (0, 3, state(2))
        assert store.history(session_id) == [each for each, _ in segments]
        committed(store, session_id, 3, revision=0)
        assert store.read(session_id).revision == 1

    def test_segments_are_created_in_their_order(self, store: AnySessions) -> None:
        """A gap in an import's segments is a `ValidationError`, and no session."""
        session_id = new_id()
        segments = [(segment(0), state(0)), (segment(2), state(2))]
        with pytest.raises(lt.ValidationError, match="segments"):
            store.create(session_id, family="contract", segments=segments)
        with pytest.raises(lt.SessionNotFound):
            store.read(session_id)

    def test_segments_come_back_as_they_were_committed(self, store: AnySessions) -> None:
        """Every field of a segment is kept; the time of its commit is the store's."""
        session_id = new_session(store)
        wanted = [segment(index, committed=12345.0) for index in range(3)]
        got = [store.advance(session_id, each.index, each, state()) for each in wanted]
        assert [unstamped(each) for each in got] == [unstamped(each) for each in wanted]
        assert store.history(session_id) == got
        assert store.read(session_id).last == got[-1]
        assert all(abs(each.committed - store.read(session_id).created) < 3600 for each in got)

    def test_a_segment_may_say_little(self, store: AnySessions) -> None:
        """A segment without media, blobs or a state is one, too."""
        session_id = new_session(store)
        small = lt.SessionSegment(index=0, step="s", attempt="a" * 32)
        assert unstamped(store.advance(session_id, 0, small, None)) == small
        assert store.state(session_id, 0) is None
        assert store.read(session_id).state is None

    def test_the_revision_grows_by_one_with_each_segment(self, store: AnySessions) -> None:
        """No revision is left out, none comes twice."""
        session_id = new_session(store)
        revisions = [store.read(session_id).revision]
        for index in range(4):
            committed(store, session_id, index)
            record = store.read(session_id)
            revisions.append(record.revision)
            assert record.num_segments == index + 1
        assert revisions == [0, 1, 2, 3, 4]

    def test_the_state_after_each_segment_is_kept(self, store: AnySessions) -> None:
        """`state` gives the state after the very segment; `read` the last one."""
        session_id, other = new_session(store, 3), new_session(store)
        store.advance(other, 0, segment(0), state("another session's"))
        assert [store.state(session_id, index) for index in range(3)] == [
            state(0),
            state(1),
            state(2),
        ]
        assert store.read(session_id).state == state(2)

    @pytest.mark.parametrize("index", [-1, 2, 10**12, "0", None, 0.0, True])
    def test_a_segment_that_is_not_there_has_no_state(self, store: AnySessions, index: Any) -> None:
        """Another index is a `ValidationError`, not nothing."""
        session_id = new_session(store, 2)
        with pytest.raises(lt.ValidationError, match="segment"):
            store.state(session_id, index)

    def test_history_is_read_in_parts(self, store: AnySessions) -> None:
        """``start`` and ``limit`` cut it; behind its end there is nothing."""
        session_id = new_session(store, 12)

        def indices(**part: Any) -> list[int]:
            return [each.index for each in store.history(session_id, **part)]

        assert indices() == list(range(12))
        assert indices(start=9) == [9, 10, 11]
        assert indices(start=2, limit=9) == list(range(2, 11))
        assert indices(limit=1) == [0]
        assert indices(start=12) == indices(start=10**9) == []

    @pytest.mark.parametrize("part", [{"start": -1}, {"start": "0"}, {"limit": 0}, {"limit": 1.5}])
    def test_wrong_parts_of_history_are_refused(self, store: AnySessions, part: Any) -> None:
        """They are `ValidationError`, which names the argument."""
        session_id = new_session(store, 2)
        with pytest.raises(lt.ValidationError, match="|".join(part)):
            store.history(session_id, **part)

    def test_an_absent_session_is_not_found(self, store: AnySessions) -> None:
        """Every method that needs a session raises `SessionNotFound`, and makes none."""
        missing = new_id()
        for _, use in uses_of_an_id(store):
            with pytest.raises(lt.SessionNotFound):
                use(missing)
        assert missing not in [each.id for each in store.list()]

    def test_a_deleted_session_is_gone(self, store: AnySessions) -> None:
        """Nobody finds it any more, by whatever method; other sessions stay."""
        labels = {"kind": "deleted"}
        session_id, other = new_session(store, 3, labels=labels), new_session(store, 2)
        before = picture_of(store, other)
        store.delete(session_id)
        for _, use in uses_of_an_id(store):
            with pytest.raises(lt.SessionNotFound):
                use(session_id)
        assert [each.id for each in store.list()] == [other]
        assert store.list(labels=labels) == []
        assert picture_of(store, other) == before

    def test_deleting_what_is_absent_does_nothing(self, store: AnySessions) -> None:
        """It is passed over, also the second time."""
        session_id = new_session(store)
        store.delete(new_id())
        store.delete(session_id)
        store.delete(session_id)

    def test_a_deleted_session_leaves_nothing_to_the_next_one(self, store: AnySessions) -> None:
        """An id that is created again begins anew: no segment, state or label of the one before."""
        session_id = new_session(store, 3, labels={"first": "yes"})
        store.delete(session_id)
        store.create(session_id, family="contract")
        assert store.read(session_id).num_segments == 0
        assert store.history(session_id) == []
        assert store.list(labels={"first": "yes"}) == []
        store.advance(session_id, 0, segment(0), None)
        assert store.history(session_id)[0].index == 0
        assert store.read(session_id).state is None
