"""An attempt: its blobs are held and pinned, or nothing of it is left; patience has an end."""

from __future__ import annotations

import time
from typing import Any

import pytest

import longtake as lt
from longtake.sessions.attempts import Attempt, OwnBlobs, Patience
from tests.sdk.sessions.rooms import Grumpy, Plain


def attempt_of(sessions: Any, blobs: Any, seconds: float = 60.0) -> tuple[Attempt, OwnBlobs]:
    own = OwnBlobs(blobs, seconds)
    return Attempt(sessions, own, hold_seconds=seconds, patience=Patience(1.0)), own


def test_what_is_away_is_asked_again_until_it_answers() -> None:
    left = [lt.SessionStoreUnavailable("away"), lt.SessionStoreUnavailable("away")]

    def ask() -> str:
        if left:
            raise left.pop()
        return "here"

    assert Patience(30).call(ask) == "here"


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_patience_has_an_end(seconds: float) -> None:
    asked = []

    def ask() -> None:
        asked.append(1)
        raise lt.SessionStoreUnavailable("away")

    with pytest.raises(lt.SessionStoreUnavailable, match="away"):
        Patience(seconds).call(ask)
    assert len(asked) == 1 if not seconds else len(asked) > 1


def test_another_error_is_not_waited_for() -> None:
    asked = []

    def ask() -> None:
        asked.append(1)
        raise lt.SessionNotFound("gone")

    with pytest.raises(lt.SessionNotFound):
        Patience(30).call(ask)
    assert len(asked) == 1


@pytest.mark.parametrize("blobs", [lt.open_blob_store("memory:"), Plain()], ids=["leases", "plain"])
def test_an_abandoned_attempt_leaves_nothing(blobs: Any) -> None:
    sessions: Any = lt.open_session_store("memory:")
    attempt, own = attempt_of(sessions, blobs)
    blob_id = own.put(b"frames")
    attempt.take([blob_id])
    assert sessions.held() == {blob_id}
    attempt.abandon()
    assert blob_id not in blobs
    assert sessions.held() == set()


def test_blobs_that_were_swept_before_their_hold_are_not_taken() -> None:
    sessions, blobs = lt.open_session_store("memory:"), lt.open_blob_store("memory:")
    assert isinstance(blobs, lt.SupportsLeases)
    attempt, own = attempt_of(sessions, blobs, 0.01)
    blob_id = own.put(b"frames")
    time.sleep(0.05)
    assert blobs.sweep() == 1
    with pytest.raises(lt.HoldRevoked, match="swept"):
        attempt.take([blob_id])


def test_blobs_without_leases_that_took_long_are_not_taken() -> None:
    attempt, own = attempt_of(lt.open_session_store("memory:"), Plain(), 0.02)
    blob_id = own.put(b"frames")
    time.sleep(0.05)
    with pytest.raises(lt.HoldRevoked, match="too long"):
        attempt.take([blob_id])


def test_a_hold_whose_answer_was_lost_is_made_under_another_name() -> None:
    """So that what the lost one leaves behind cannot unpin what is committed."""
    store = lt.open_session_store("memory:")
    assert isinstance(store, lt.RowSessionStore)
    rows = store.rows
    sessions = lt.RowSessionStore(Grumpy(rows, fails={0}, after=True))
    attempt, own = attempt_of(sessions, lt.open_blob_store("memory:"))
    first = attempt.id
    blob_id = own.put(b"frames")
    attempt.take([blob_id])
    assert attempt.hold is not None
    assert attempt.hold.attempt == attempt.id != first
    assert len(rows.scan("hold/", "hold0", 10)) == 2
