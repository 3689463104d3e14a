"""A sweep lets go what is over, and nothing that a session needs."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from tests.sdk.sessions.exported import Made, made
from tests.sdk.sessions.unleased_stores import Clocked, Expiring, Listed

DAY = 86400.0
KEYS = lt.KeyRing({"k": bytes(range(32))})


def made_in(sessions: lt.SessionStore, blobs: Any) -> Made:
    sessions.create("take", family="fog", preset="thin@1")
    return Made(sessions, blobs)


@pytest.fixture(params=["memory:", "sqlite"])
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> lt.SessionStore:
    in_file = f"sqlite:///{tmp_path}/sessions.db"
    return lt.open_session_store(in_file if request.param == "sqlite" else request.param)


@pytest.fixture(params=["memory", "file", "plain", "listed", "expiring"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    records = {"plain": Clocked, "listed": Listed, "expiring": Expiring}
    if request.param in records:
        return lt.RecordBlobStore(records[request.param]())
    return lt.open_blob_store(
        "memory:" if request.param == "memory" else f"file://{tmp_path}/blobs"
    )


def test_sessions_holds_and_blobs_that_are_over() -> None:
    one = made()
    kept = one.commit([b"picture"])
    one.sessions.create("brief", family="fog", expires_in=0.01)
    assert isinstance(one.blobs, lt.SupportsLeases)
    assert isinstance(one.sessions, lt.SupportsHolds)
    lost = one.blobs.put(b"of a worker that was killed", lease_seconds=0.01)
    held = one.blobs.put(b"of one that is still at work", lease_seconds=0.01)
    over = one.sessions.hold([lost], for_seconds=0.01)
    running = one.sessions.hold([held], for_seconds=60)
    one.blobs.pin([lost], over.attempt)
    one.blobs.pin([held], running.attempt)
    time.sleep(0.05)
    swept = lt.sweep_sessions(one.sessions, one.blobs)
    assert (swept.sessions, swept.holds, swept.blobs) == (1, 1, 1)
    assert lost not in one.blobs
    assert held in one.blobs
    assert all(each in one.blobs for each in kept.blob_ids)
    again = lt.sweep_sessions(one.sessions, one.blobs)
    assert (again.sessions, again.holds, again.blobs) == (0, 0, 0)


def test_without_blobs_holds_wait_for_a_sweep_that_has_them() -> None:
    one = Made()
    assert isinstance(one.sessions, lt.SupportsHolds)
    assert isinstance(one.blobs, lt.SupportsLeases)
    blob_id = one.blobs.put(b"x", lease_seconds=0.001)
    one.sessions.hold([blob_id], for_seconds=0.001)
    time.sleep(0.01)
    assert lt.sweep_sessions(one.sessions).holds == 0
    assert lt.sweep_sessions(one.sessions, one.blobs).holds == 1


def test_with_every_store_a_sweep_keeps_what_is_needed_and_drops_what_no_hold_keeps(
    sessions: lt.SessionStore, blobs: Any
) -> None:
    one = made_in(sessions, blobs)
    assert isinstance(sessions, lt.SupportsHolds)
    leases = {"lease_seconds": 0.01} if isinstance(blobs, lt.SupportsLeases) else {}
    ids: dict[str, str] = {}
    kept = one.commit([b"of a segment"])
    for name, seconds in {"lost": 0.01, "running": 60.0}.items():
        ids[name] = blobs.put(name.encode(), **leases)
        hold = sessions.hold([ids[name]], for_seconds=seconds)
        if isinstance(blobs, lt.SupportsLeases):
            blobs.pin([ids[name]], hold.attempt)
    time.sleep(0.05)
    swept = lt.sweep_sessions(sessions, blobs)
    assert (swept.sessions, swept.holds, swept.blobs, swept.missing) == (0, 1, 1, ())
    assert ids["lost"] not in blobs
    assert ids["running"] in blobs
    assert all(each in blobs for each in kept.blob_ids)


@pytest.mark.parametrize("blobs", ["memory", "file"], indirect=True)
def test_pins_that_come_after_the_hold_was_revoked_go_with_the_next_sweep(
    sessions: lt.SessionStore, blobs: Any
) -> None:
    """Of a worker that was paused between hold and pin, and killed right after it."""
    assert isinstance(sessions, lt.SupportsHolds)
    blob_id = blobs.put(b"frames", lease_seconds=0.3)
    hold = sessions.hold([blob_id], for_seconds=0.01)
    time.sleep(0.05)
    swept = lt.sweep_sessions(sessions, blobs)
    assert (swept.holds, swept.blobs) == (0, 0)
    blobs.pin([blob_id], hold.attempt)
    time.sleep(0.3)
    swept = lt.sweep_sessions(sessions, blobs)
    assert (swept.holds, swept.blobs) == (1, 1)
    assert blob_id not in blobs
    assert sessions.revoke_over() == []


@pytest.mark.parametrize("blobs", ["memory", "file"], indirect=True)
def test_late_pins_of_blobs_that_others_need_do_not_outlive_them(
    sessions: lt.SessionStore, blobs: Any
) -> None:
    """Of a worker that forked: its blobs are another session's, too."""
    kept = made_in(sessions, lt.leasing(blobs, 0.01)).commit([b"picture"])
    blobs.pin(kept.blob_ids, kept.attempt)
    assert isinstance(sessions, lt.SupportsHolds)
    hold = sessions.hold(kept.blob_ids, for_seconds=0.01)
    time.sleep(0.05)
    lt.sweep_sessions(sessions, blobs)
    blobs.pin(kept.blob_ids, hold.attempt)
    for _ in range(2):
        lt.sweep_sessions(sessions, blobs)
        assert all(each in blobs for each in kept.blob_ids)
    sessions.delete("take")
    swept = lt.sweep_sessions(sessions, blobs)
    assert (swept.holds, swept.blobs) == (2, len(kept.blob_ids))
    assert not any(each in blobs for each in kept.blob_ids)
    assert sessions.revoke_over() == []


def test_holds_that_are_remembered_keep_no_other_from_being_let_go() -> None:
    one = made()
    kept = one.commit([b"picture"])
    assert isinstance(one.blobs, lt.SupportsLeases)
    assert isinstance(one.sessions, lt.SupportsHolds)
    for _ in range(250):
        one.sessions.hold(kept.blob_ids, for_seconds=0.001)
    lost = [one.blobs.put(bytes([i]), lease_seconds=0.01) for i in range(120)]
    for blob_id in lost:
        one.sessions.hold([blob_id], for_seconds=0.001)
    time.sleep(0.05)
    swept = lt.sweep_sessions(one.sessions, one.blobs)
    assert (swept.holds, swept.blobs) == (120, 120)
    assert lt.sweep_sessions(one.sessions, one.blobs).holds == 0


def test_a_listed_blob_goes_when_it_is_old_and_no_session_needs_it(
    sessions: lt.SessionStore,
) -> None:
    records = Listed()
    blobs = lt.RecordBlobStore(records)
    one = made_in(sessions, blobs)
    assert isinstance(sessions, lt.SupportsHolds)
    kept = one.commit([b"of a segment"])
    held, lost = blobs.put(b"held"), blobs.put(b"of a worker that was killed before its hold")
    sessions.hold([held], for_seconds=60)
    records.now = DAY - 1
    late = blobs.put(b"put just now, to be held soon")
    assert lt.sweep_sessions(sessions, blobs).blobs == 0
    records.now = DAY + 1
    assert lt.sweep_sessions(sessions, blobs, unused_seconds=None).blobs == 0
    assert lt.sweep_sessions(sessions, blobs).blobs == 1
    assert lost not in blobs
    assert all(each in blobs for each in [held, late, *kept.blob_ids])
    one.sessions.delete("take")
    assert lt.sweep_sessions(sessions, blobs).blobs == len(kept.blob_ids)


@pytest.mark.parametrize("seconds", [0, 1200.0, 12 * 3600.0, float("nan"), float("inf"), True])
def test_an_age_that_a_writer_may_reach_is_refused_before_anything_is_dropped(
    seconds: float,
) -> None:
    one = made()
    one.sessions.create("brief", family="fog", expires_in=0.2)
    time.sleep(0.3)
    with pytest.raises(lt.ValidationError, match="unused_seconds"):
        lt.sweep_sessions(one.sessions, one.blobs, unused_seconds=seconds)
    assert lt.sweep_sessions(one.sessions, one.blobs).sessions == 1


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_expires_lives_on_while_a_session_needs_it(
    sessions: lt.SessionStore, wrapped: bool
) -> None:
    records = Expiring()
    blobs: Any = lt.RecordBlobStore(records)
    if wrapped:
        blobs = lt.TenantBlobStore(blobs, tenant="ann", keys=KEYS)
    one = made_in(sessions, blobs)
    kept, other = one.commit([b"of a segment"]), blobs.put(b"nobody's")
    for _ in range(5):
        records.now += 3000
        assert lt.sweep_sessions(sessions, blobs).missing == ()
    assert all(each in blobs for each in kept.blob_ids)
    assert other not in blobs


def test_what_expired_before_the_sweep_came_is_said_and_the_rest_is_renewed(
    sessions: lt.SessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    records = Expiring()
    blobs = lt.RecordBlobStore(records)
    one = made_in(sessions, blobs)
    first = one.commit([b"a", b"b"])
    records.now = 2000
    second = one.commit([b"c"])
    records.now = 4000
    with caplog.at_level(logging.WARNING, "longtake"):
        swept = lt.sweep_sessions(sessions, blobs)
    assert set(swept.missing) == set(first.blob_ids)
    assert f"{len(first.blob_ids)} blobs" in caplog.text
    assert not any(each in caplog.text + repr(swept) for each in first.blob_ids)
    records.now = 7000
    assert all(each in blobs for each in second.blob_ids)
