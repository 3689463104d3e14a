"""The contract: a session whose time is over is gone, before anybody removes it."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.testing.sessions.fixtures import Later, SessionStoreFixtures
from longtake.testing.sessions.samples import (
    AnySessions,
    committed,
    new_session,
    picture_of,
    uses_of_an_id,
)

__all__ = ["ExpiryContract"]


class ExpiryContract(SessionStoreFixtures):
    """Of stores with `longtake.SupportsExpiry`."""

    def test_a_session_says_when_it_ends(self, expiring: AnySessions) -> None:
        """By `create`, or by `expire`, which leaves its revision; None takes it back."""
        made = expiring.read(new_session(expiring, 1, expires_in=60.0))
        assert made.expires is not None
        assert 59.0 < made.expires - made.created < 61.0
        later = expiring.expire(made.id, 600.0)
        assert later.expires is not None
        assert 539.0 < later.expires - made.expires < 600.0
        assert (later.revision, later.num_segments) == (1, 1)
        assert expiring.expire(made.id, None).expires is None
        assert expiring.read(made.id).expires is None

    @pytest.mark.parametrize("way", ["create", "expire"])
    def test_a_session_whose_time_is_over_is_gone(
        self, expiring: AnySessions, later: Later, way: str
    ) -> None:
        """No method finds it, though nobody has removed it; nothing can be committed to it."""
        labels = {"it": "ends"}
        if way == "create":
            session_id = new_session(expiring, 1, labels=labels, expires_in=2 * self.moment)
        else:
            session_id = new_session(expiring, 1, labels=labels)
            expiring.expire(session_id, self.moment)
        later(2.5 * self.moment)
        for _, use in uses_of_an_id(expiring):
            with pytest.raises(lt.SessionNotFound):
                use(session_id)
        with pytest.raises(lt.SessionNotFound):
            committed(expiring, session_id, 1)
        assert expiring.list() == expiring.list(labels=labels) == []

    def test_a_session_that_ends_later_goes_on_until_then(self, expiring: AnySessions) -> None:
        """It is continued like any other."""
        session_id = new_session(expiring, 2, expires_in=60.0)
        expiring.expire(session_id, 120.0)
        committed(expiring, session_id, 2)
        assert expiring.read(session_id).num_segments == 3

    def test_a_session_that_was_kept_after_all_stays(
        self, expiring: AnySessions, later: Later
    ) -> None:
        """``expire(..., None)`` in time saves it."""
        session_id = new_session(expiring, 2, expires_in=2 * self.moment)
        expiring.expire(session_id, None)
        before = picture_of(expiring, session_id)
        later(2.5 * self.moment)
        assert expiring.drop_expired() == 0
        assert picture_of(expiring, session_id) == before

    def test_sessions_whose_time_is_over_are_dropped(
        self, expiring: AnySessions, later: Later
    ) -> None:
        """Those, and how many; their blobs are let go as `delete` does."""
        kept = new_session(expiring, 1, expires_in=60.0)
        over = [new_session(expiring, 1, expires_in=self.moment) for _ in range(3)]
        blobs = {name for each in over for name in _blobs(expiring, each)}
        later(1.5 * self.moment)
        assert expiring.drop_expired(limit=2) == 2
        assert expiring.drop_expired() == 1
        assert expiring.drop_expired() == 0
        assert [each.id for each in expiring.list()] == [kept]
        if isinstance(expiring, lt.SupportsHolds):
            let_go = {name for hold in expiring.revoke_over() for name in hold.blob_ids}
            assert let_go == blobs
            assert expiring.held() == set(_blobs(expiring, kept))

    def test_an_id_is_free_again_when_its_time_is_over(
        self, expiring: AnySessions, later: Later
    ) -> None:
        """Nobody must sweep before the id can be used anew; nothing of the old session is left."""
        session_id = new_session(expiring, 2, labels={"old": "yes"}, expires_in=self.moment)
        later(1.5 * self.moment)
        made = expiring.create(session_id, family="contract", labels={"new": "yes"})
        assert made == expiring.read(session_id)
        assert expiring.history(session_id) == expiring.list(labels={"old": "yes"}) == []
        assert expiring.drop_expired() == 0

    def test_a_wrong_clock_of_a_worker_ends_no_session(
        self, expiring: AnySessions, wrong_clock: Any
    ) -> None:
        """Sessions end by the store's clock."""
        session_id = new_session(expiring, 1, expires_in=60.0)
        wrong_clock(3600.0)
        assert expiring.read(session_id).id == session_id
        assert expiring.drop_expired() == 0
        made = expiring.read(new_session(expiring, expires_in=60.0))
        assert abs(made.created - expiring.read(session_id).created) < 1800

    @pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), "60", True])
    def test_wrong_seconds_of_a_session_are_refused(
        self, expiring: AnySessions, seconds: Any
    ) -> None:
        """They are a `ValidationError`, and nothing changes."""
        session_id = new_session(expiring)
        with pytest.raises(lt.ValidationError, match="seconds"):
            expiring.expire(session_id, seconds)
        with pytest.raises(lt.ValidationError, match="expires_in"):
            new_session(expiring, expires_in=seconds)
        assert [each.id for each in expiring.list()] == [session_id]
        assert expiring.read(session_id).expires is None


def _blobs(store: AnySessions, session_id: str) -> list[str]:
    return [name for each in store.history(session_id) for name in each.blob_ids]
