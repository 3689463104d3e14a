"""Holds and claims over rows, at the moments between two of their steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import longtake as lt
from longtake.session_stores.memory import MemoryRows
from longtake.testing.sessions.samples import attempt, new_session, segment, state


class Meanwhile(MemoryRows):
    """Rows with a clock that is set, and with what others do right after a scan of some."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0
        self.after_scan_of: dict[str, Callable[[], object]] = {}

    def now(self) -> float:
        return self.time

    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        rows = super().scan(start, stop, limit)
        self.after_scan_of.pop(start.partition("/")[0], lambda: None)()
        return rows


@pytest.fixture
def rows() -> Meanwhile:
    return Meanwhile()


@pytest.fixture
def store(rows: Meanwhile) -> lt.RowSessionStore:
    return lt.RowSessionStore(rows)


def test_a_commit_during_held_is_not_missed(store: lt.RowSessionStore, rows: Meanwhile) -> None:
    session_id, mine = new_session(store), attempt()
    hold = store.hold(["blob"], for_seconds=10.0, attempt=mine)
    said = segment(0, attempt=mine, blob_ids=("blob",))
    rows.after_scan_of["hold"] = lambda: store.advance(session_id, 0, said, state(), hold=hold)
    assert store.held() == {"blob"}
    assert store.held() == {"blob"}
    assert store.read(session_id).num_segments == 1


def test_what_was_committed_before_it_was_revoked_stays(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id, mine = new_session(store), attempt()
    hold = store.hold(["blob"], for_seconds=10.0, attempt=mine)
    said = segment(0, attempt=mine, blob_ids=("blob",))
    rows.time += 20.0
    rows.after_scan_of["hold"] = lambda: store.advance(session_id, 0, said, state(), hold=hold)
    assert store.revoke_over() == []
    assert store.held() == {"blob"}


def test_holds_that_nothing_is_left_of_hide_no_others(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store)
    for index in range(5):
        mine = attempt()
        store.hold([f"blob-{index}"], for_seconds=10.0, attempt=mine)
        store.advance(
            session_id, index, segment(index, attempt=mine, blob_ids=(f"blob-{index}",)), None
        )
    store.hold(["litter"], for_seconds=10.0)
    rows.time += 20.0
    assert [each.blob_ids for each in store.revoke_over(limit=2)] == [("litter",)]
    assert len(rows.scan("hold/", "hold0", 100)) == 1


def test_no_more_come_than_were_asked_for(store: lt.RowSessionStore, rows: Meanwhile) -> None:
    session_id, mine = new_session(store), attempt()
    store.advance(session_id, 0, segment(0, attempt=mine, blob_ids=("blob",)), None)
    for _ in range(3):
        store.hold(["blob"], for_seconds=10.0, attempt=mine)
    for number in range(9):
        store.hold([f"litter-{number}"], for_seconds=10.0)
    rows.time += 20.0
    seen: set[str] = set()
    while over := store.revoke_over(limit=4):
        assert len(over) <= 4
        for hold in over:
            seen.update(hold.blob_ids)
            store.forget_hold(hold)
    assert seen == {f"litter-{number}" for number in range(9)}


def test_a_damaged_segment_stops_a_sweep(store: lt.RowSessionStore, rows: Meanwhile) -> None:
    session_id = new_session(store, 1)
    for damaged in (b"{", b'{"format":1,"attempt":"a"}', b'{"format":2}'):
        rows.write(lt.RowChange(puts={f"segment/{session_id}/{0:010d}": damaged}))
        with pytest.raises(lt.SessionError, match="a segment"):
            store.held()


def test_a_hold_ends_at_its_time_and_not_before(store: lt.RowSessionStore, rows: Meanwhile) -> None:
    hold = store.hold(["blob"], for_seconds=10.0)
    assert hold.until == 1010.0
    rows.time = 1009.9
    assert store.revoke_over() == []
    rows.time = 1010.0
    assert [each.id for each in store.revoke_over()] == [hold.id]


@pytest.mark.parametrize("blob_ids", ["blob", [""], [3], None, {"blob"}])
def test_what_is_no_list_of_blobs_is_not_held(
    store: lt.RowSessionStore, rows: Meanwhile, blob_ids: object
) -> None:
    with pytest.raises(lt.ValidationError, match="blob_ids"):
        store.hold(blob_ids, for_seconds=1.0)  # type: ignore[arg-type]
    assert rows.scan("a", "z", 10) == []


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, None])
def test_wrong_limits_of_revoking_are_refused(store: lt.RowSessionStore, limit: object) -> None:
    with pytest.raises(lt.ValidationError, match="limit"):
        store.revoke_over(limit=limit)  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", [{"holder": ""}, {"holder": 3}, {"step": ""}, {"step": None}])
def test_a_claim_says_who_and_on_what(
    store: lt.RowSessionStore, rows: Meanwhile, fields: dict[str, str]
) -> None:
    said = {"step": "s", "holder": "me", **fields}
    with pytest.raises(lt.ValidationError, match=next(iter(fields))):
        store.begin(new_session(store), said["step"], holder=said["holder"], for_seconds=1.0)
    assert rows.scan("claim/", "claim0", 10) == []


def test_a_claim_counts_down_by_the_stores_clock(
    store: lt.RowSessionStore, rows: Meanwhile
) -> None:
    session_id = new_session(store)
    store.begin(session_id, "s", holder="me", for_seconds=10.0)
    rows.time += 4.0
    assert store.begin(session_id, "s", holder="you", for_seconds=10.0).seconds_left == 6.0
    rows.time -= 3600.0  # the clock was set back: the claim is longer, and still a hint
    assert not store.begin(session_id, "s", holder="you", for_seconds=10.0).granted


def test_a_claim_on_nothing_is_kept_nowhere(store: lt.RowSessionStore, rows: Meanwhile) -> None:
    assert store.begin("absent", "s", holder="me", for_seconds=10.0).granted
    assert rows.scan("a", "z", 10) == []
