"""Forks share blobs and hold them on their own; what is rewound is let go."""

from __future__ import annotations

import pytest

import longtake as lt
from tests.sdk.sessions.exported import Made, made


def ids_of(one: Made, session_id: str = "take") -> set[str]:
    return {each for segment in one.sessions.history(session_id) for each in segment.blob_ids}


def swept(one: Made) -> None:
    """After a sweep when every lease is over."""
    lt.sweep_sessions(one.sessions, one.blobs)
    assert isinstance(one.blobs, lt.SupportsLeases)


def test_a_fork_keeps_what_it_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longtake.sessions.branching._HOLD_SECONDS", 0.001)
    one = made({"show": "sea"})
    for number in range(3):
        one.commit([b"picture %d" % number])
    record = lt.fork_session(one.sessions, "take", 2, "fork", blobs=one.blobs)
    assert (record.num_segments, record.labels) == (2, {"show": "sea"})
    shared = ids_of(one, "fork")
    assert shared < ids_of(one)
    one.sessions.delete("take")
    swept(one)
    assert isinstance(one.sessions, lt.SupportsHolds)
    assert one.sessions.held() == shared
    assert all(each in one.blobs for each in shared)
    state = one.sessions.state("fork", 1)
    assert state is not None


def test_a_fork_that_is_refused_leaves_nothing() -> None:
    one = made()
    one.commit([b"picture"])
    one.sessions.create("there", family="fog")
    with pytest.raises(lt.SessionExists):
        lt.fork_session(one.sessions, "take", 1, "there", blobs=one.blobs)
    with pytest.raises(lt.ValidationError):
        lt.fork_session(one.sessions, "take", 2, "new", blobs=one.blobs)
    with pytest.raises(lt.ValidationError, match="^blobs: the segments refer to blobs"):
        lt.fork_session(one.sessions, "take", 1, "new")
    with pytest.raises(lt.SessionNotFound):
        lt.fork_session(one.sessions, "nothing", 1, "new", blobs=one.blobs)
    assert [record.id for record in one.sessions.list()] == ["take", "there"]
    assert isinstance(one.sessions, lt.SupportsHolds)
    assert one.sessions.held() == ids_of(one)
    assert one.sessions.revoke_over() == []


def test_what_is_rewound_is_let_go_and_what_a_fork_shares_is_not() -> None:
    one = made()
    for number in range(3):
        one.commit([b"picture %d" % number])
    lt.fork_session(one.sessions, "take", 3, "fork", blobs=one.blobs)
    record = lt.rewind_session(one.sessions, "take", 1, blobs=one.blobs)
    assert (record.num_segments, record.revision) == (1, 4)
    swept(one)
    assert len(ids_of(one)) == 2
    assert all(each in one.blobs for each in ids_of(one, "fork"))
    with pytest.raises(lt.Conflict):
        lt.rewind_session(one.sessions, "take", 0, expected_revision=3, blobs=one.blobs)


def test_sessions_without_the_power_say_so() -> None:
    sessions: lt.SessionStore = type("Plain", (), {})()
    with pytest.raises(lt.SessionError, match="knows no forks"):
        lt.fork_session(sessions, "take", 0, "fork")
    with pytest.raises(lt.SessionError, match="knows no forks"):
        lt.rewind_session(sessions, "take", 0)
