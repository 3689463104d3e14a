"""A sweep lets go what is over, and nothing that a session needs."""

from __future__ import annotations

import time

import longtake as lt
from tests.sdk.sessions.exported import Made, made


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
    blob_id = one.blobs.put(b"x")
    one.sessions.hold([blob_id], for_seconds=0.001)
    time.sleep(0.01)
    assert lt.sweep_sessions(one.sessions).holds == 0
    assert lt.sweep_sessions(one.sessions, one.blobs).holds == 1
