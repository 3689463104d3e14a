"""A store over rows: against a plain model, and at the moments between two rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import hypothesis.strategies as st
import pytest
from attrs import define, evolve, field
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

import longtake as lt
from longtake.session_stores.memory import MemoryRows
from longtake.testing.sessions.samples import (
    attempt,
    committed,
    new_id,
    new_session,
    segment,
    state,
)


class Meanwhile(MemoryRows):
    """Rows with a clock that is set, and with what others do right after the next read."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0
        self.after_read: list[Callable[[], object]] = []

    def now(self) -> float:
        return self.time

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        rows = super().read(keys)
        if self.after_read:
            self.after_read.pop(0)()
        return rows


@pytest.fixture
def rows() -> Meanwhile:
    return Meanwhile()


@pytest.fixture
def store(rows: Meanwhile) -> lt.RowSessionStore:
    return lt.RowSessionStore(rows)


def replace_last(store: lt.RowSessionStore, session_id: str) -> None:
    """The same number of segments at another revision: what a torn read mixes up."""
    record = store.read(session_id)
    store.rewind(session_id, record.revision, record.num_segments - 1)
    said = segment(record.num_segments - 1, made_by="another")
    store.advance(session_id, record.revision + 1, said, state("another"))


def test_a_read_across_a_rewind_is_of_one_moment(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store, 3)
    rows.after_read = [lambda: replace_last(store, session_id)]
    record = store.read(session_id)
    assert (record.revision, record.num_segments, record.state) == (5, 3, state("another"))


def test_a_list_across_a_rewind_is_of_one_moment(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store, 3)
    rows.after_read = [lambda: replace_last(store, session_id)]
    (listed,) = store.list()
    assert listed.last is not None
    assert (listed.revision, listed.last.made_by) == (5, "another")


def test_a_list_passes_over_what_is_deleted_meanwhile(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    kept, gone = sorted(new_session(store, 1) for _ in range(2))
    rows.after_read = [lambda: store.delete(gone)]
    assert [each.id for each in store.list()] == [kept]


def test_a_history_across_a_rewind_is_of_one_branch(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store, 4)

    def rewound() -> None:
        store.rewind(session_id, 4, 1)
        committed(store, session_id, 1, revision=5, made_by="another")

    rows.after_read = [rewound]
    assert [each.made_by for each in store.history(session_id)] == ["worker 7", "another"]


def test_a_fork_goes_on_though_its_parent_does(store: lt.RowSessionStore, rows: Meanwhile) -> None:
    parent, new = new_session(store, 2), new_id()
    rows.after_read = [lambda: committed(store, parent, 2), lambda: committed(store, parent, 3)]
    store.fork(parent, 2, new)
    assert store.read(new).state == state(1)
    assert [each.index for each in store.history(new)] == [0, 1]


@pytest.mark.parametrize("end", ["rewound", "deleted", "created again"])
def test_a_fork_of_a_parent_that_changes_meanwhile_is_refused(
    store: lt.RowSessionStore, rows: Meanwhile, end: str
) -> None:
    parent, new = new_session(store, 2), new_id()

    def change() -> None:
        if end == "rewound":
            store.rewind(parent, 2, 0)
            return
        store.delete(parent)
        if end == "created again":
            store.create(parent, family="test")

    rows.after_read = [change]
    with pytest.raises(lt.SessionNotFound if end == "deleted" else lt.Conflict):
        store.fork(parent, 2, new)
    with pytest.raises(lt.SessionNotFound):
        store.read(new)


def test_a_delete_takes_what_was_committed_meanwhile(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store, 1)
    rows.after_read = [lambda: committed(store, session_id, 1)]
    store.delete(session_id)
    assert {key.partition("/")[0] for key, _ in rows.scan("a", "z", 100)} == {"hold"}
    assert len(store.revoke_over()) == 2


def test_an_end_is_set_though_the_session_goes_on(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store, 1)
    rows.after_read = [lambda: committed(store, session_id, 1)]
    assert store.expire(session_id, 60.0).expires == 1060.0
    assert store.read(session_id).num_segments == 2


def test_a_rewind_is_made_though_an_end_is_set_meanwhile(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store, 2)
    rows.after_read = [lambda: store.expire(session_id, 60.0)]
    record = store.rewind(session_id, 2, 1)
    assert (record.revision, record.expires) == (3, 1060.0)


def test_a_commit_is_made_though_an_end_is_set_meanwhile(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store, 1, expires_in=60.0)
    rows.after_read = [lambda: store.expire(session_id, 600.0)]
    committed(store, session_id, 1)
    assert (store.read(session_id).num_segments, store.read(session_id).expires) == (2, 1600.0)


def test_a_commit_that_another_wins_meanwhile_is_a_conflict(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store, 1, expires_in=60.0)
    rows.after_read = [lambda: committed(store, session_id, 1)]
    with pytest.raises(lt.Conflict) as raised:
        committed(store, session_id, 1)
    assert raised.value.revision == 2


def test_a_create_is_known_when_its_answer_was_lost(store: lt.RowSessionStore) -> None:
    session_id, mine = new_id(), attempt()
    made = store.create(session_id, family="test", attempt=mine)
    assert store.create(session_id, family="test", attempt=mine) == made
    with pytest.raises(lt.SessionExists):
        store.create(session_id, family="test", attempt=attempt())


def test_a_missing_segment_is_damage_and_not_waited_for(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store, 2)
    rows.write(lt.RowChange(deletes=[f"segment/{session_id}/{1:010d}"]))
    for look in (lambda: store.read(session_id), store.list):
        with pytest.raises(lt.SessionError, match="missing"):
            look()


def test_a_damaged_state_says_so(store: lt.RowSessionStore, rows: Meanwhile) -> None:
    session_id = new_session(store, 1)
    rows.write(lt.RowChange(puts={f"state/{session_id}/{0:010d}": b"{"}))
    with pytest.raises(lt.SessionError, match="state is damaged"):
        store.read(session_id)


def test_more_segments_than_a_page_are_all_there(store: lt.RowSessionStore) -> None:
    segments = [(segment(index), state(index)) for index in range(1203)]
    store.create("long", family="test", segments=segments)
    assert [each.index for each in store.history("long")] == list(range(1203))
    store.fork("long", 1100, "fork")
    assert store.state("fork", 1099) == state(1099)
    store.delete("long")
    assert len(store.history("fork")) == 1100


IDS = ("a", "b", "a-b")


@define
class Model:
    """What a session should be."""

    revision: int = 0
    segments: list[lt.SessionSegment] = field(factory=list)
    labels: dict[str, str] = field(factory=dict)
    expires: float | None = None


class Uses(RuleBasedStateMachine):
    """Any uses in any order; the store is what a dictionary would be."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = Meanwhile()
        self.store = lt.RowSessionStore(self.rows)
        self.model: dict[str, Model] = {}
        self.holds: dict[str, lt.Hold] = {}

    def there(self, session_id: str) -> Model | None:
        found = self.model.get(session_id)
        over = found is not None and found.expires is not None and found.expires <= self.rows.time
        return None if over else found

    @rule(session_id=st.sampled_from(IDS), label=st.sampled_from("xy"), ends=st.booleans())
    def create(self, session_id: str, label: str, ends: bool) -> None:
        labels, seconds = {"l": label}, 30.0 if ends else None
        if self.there(session_id) is not None:
            with pytest.raises(lt.SessionExists):
                self.store.create(session_id, family="t", labels=labels, expires_in=seconds)
            return
        self.store.create(session_id, family="t", labels=labels, expires_in=seconds)
        expires = None if seconds is None else self.rows.time + seconds
        self.model[session_id] = Model(labels=labels, expires=expires)

    @rule(session_id=st.sampled_from(IDS), wrong=st.integers(-1, 1), is_held=st.booleans())
    def advance(self, session_id: str, wrong: int, is_held: bool) -> None:
        found = self.there(session_id)
        if found is None:
            with pytest.raises(lt.SessionNotFound):
                self.store.advance(session_id, 0, segment(0), state())
            return
        held = next(iter(self.holds.values()), None) if is_held else None
        said = segment(len(found.segments), blob_ids=(new_id(), *(held.blob_ids if held else ())))
        if held is not None:
            said = evolve(said, attempt=held.attempt)
        revision = max(found.revision + wrong, 0)
        number = state(said.attempt)
        if revision != found.revision:
            with pytest.raises(lt.Conflict) as raised:
                self.store.advance(session_id, revision, said, number, hold=held)
            assert raised.value.revision == found.revision
            return
        made = self.store.advance(session_id, revision, said, number, hold=held)
        assert self.store.advance(session_id, revision, said, number, hold=held) == made
        found.revision += 1
        found.segments.append(made)
        if held is not None:
            del self.holds[held.id]

    @rule(session_id=st.sampled_from(IDS), new_id=st.sampled_from(IDS), cut=st.integers(0, 3))
    def fork(self, session_id: str, new_id: str, cut: int) -> None:
        found = self.there(session_id)
        if found is None or self.there(new_id) is not None:
            with pytest.raises((lt.SessionNotFound, lt.SessionExists)):
                self.store.fork(session_id, 0, new_id)
            return
        count, mine = max(len(found.segments) - cut, 0), attempt()
        self.store.fork(session_id, count, new_id, attempt=mine)
        copies = [evolve(each, attempt=mine) for each in found.segments[:count]]
        self.model[new_id] = Model(0, copies, dict(found.labels))

    @rule(session_id=st.sampled_from(IDS), cut=st.integers(0, 3))
    def rewind(self, session_id: str, cut: int) -> None:
        found = self.there(session_id)
        if found is not None:
            count = max(len(found.segments) - cut, 0)
            self.store.rewind(session_id, found.revision, count)
            found.revision += 1
            del found.segments[count:]

    @rule(session_id=st.sampled_from(IDS))
    def delete(self, session_id: str) -> None:
        self.store.delete(session_id)
        self.model.pop(session_id, None)

    @rule(session_id=st.sampled_from(IDS), seconds=st.sampled_from([None, 5.0, 50.0]))
    def expire(self, session_id: str, seconds: float | None) -> None:
        found = self.there(session_id)
        if found is not None:
            self.store.expire(session_id, seconds)
            found.expires = None if seconds is None else self.rows.time + seconds

    @rule()
    def drop_expired(self) -> None:
        over = [each for each in self.model if self.there(each) is None]
        assert self.store.drop_expired() == len(over)
        for each in over:
            del self.model[each]

    @rule(seconds=st.sampled_from([1.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.rows.time += seconds

    @rule(seconds=st.sampled_from([10.0, 100.0]))
    def hold(self, seconds: float) -> None:
        hold = self.store.hold([new_id()], for_seconds=seconds)
        self.holds[hold.id] = hold

    @rule()
    def sweep(self) -> None:
        needed = {
            (s.attempt, name)
            for m in self.model.values()
            for s in m.segments
            for name in s.blob_ids
        }
        for hold in self.store.revoke_over():
            assert not needed & {(hold.attempt, name) for name in hold.blob_ids}
            own = self.holds.pop(hold.id, None)
            if own is not None:
                assert own.until <= self.rows.time
                with pytest.raises(lt.HoldRevoked):
                    self.store.create(new_id(), family="t", hold=own)
            self.store.forget_hold(hold)
        assert not [each for each in self.holds.values() if each.until <= self.rows.time]

    @precondition(lambda self: self.model)
    @rule()
    def reopen(self) -> None:
        self.store = lt.RowSessionStore(self.rows)

    @invariant()
    def it_is_what_the_model_is(self) -> None:
        there = [each for each in sorted(IDS) if self.there(each) is not None]
        assert [each.id for each in self.store.list(limit=2)] == there[:2]
        for label in "xy":
            wanted = [each for each in there if self.model[each].labels == {"l": label}]
            assert [each.id for each in self.store.list(labels={"l": label})] == wanted
        for session_id in IDS:
            found = self.there(session_id)
            if found is None:
                with pytest.raises(lt.SessionNotFound):
                    self.store.read(session_id)
                continue
            record = self.store.read(session_id)
            assert (record.revision, record.expires) == (found.revision, found.expires)
            assert self.store.history(session_id) == found.segments
            assert record.num_segments == len(found.segments)
            assert record.last == (found.segments[-1] if found.segments else None)

    @invariant()
    def blobs_are_held_that_are_needed(self) -> None:
        segments = [each for model in self.model.values() for each in model.segments]
        needed = {name for each in segments for name in each.blob_ids}
        needed |= {name for hold in self.holds.values() for name in hold.blob_ids}
        assert self.store.held() == needed

    @invariant()
    def no_rows_are_left_over(self) -> None:
        segments = sum(len(each.segments) for each in self.model.values())
        kinds = [key.partition("/")[0] for key, _ in self.rows.scan("a", "z", 10_000)]
        for kind, count in (
            ("session", len(self.model)),
            ("head", len(self.model)),
            ("label", len(self.model)),
            ("segment", segments),
            ("state", segments),
        ):
            assert kinds.count(kind) == count, kind


def test_a_store_is_what_a_plain_model_is() -> None:
    run_machine(Uses, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))


def test_few_that_have_all_labels_are_found_among_many(store: lt.RowSessionStore) -> None:
    for number in range(70):
        labels = {"show": "harbour", "act": str(number)}
        store.create(f"take-{number:02}", family="test", labels=labels)
    found = store.list(labels={"show": "harbour", "act": "66"}, limit=1)
    assert [each.id for each in found] == ["take-66"]
    wanted = [f"take-{number:02}" for number in range(70)]
    assert [each.id for each in store.list(labels={"show": "harbour"}, limit=3)] == wanted[:3]
