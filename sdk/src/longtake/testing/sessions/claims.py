"""The contract: a claim keeps others from the same work, for a while, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.testing.sessions.fixtures import Later, SessionStoreFixtures
from longtake.testing.sessions.samples import AnySessions, committed, new_session

__all__ = ["ClaimsContract"]


class ClaimsContract(SessionStoreFixtures):
    """Of stores with `longtake.SupportsClaims`."""

    def test_a_claim_is_one_workers(self, claiming: AnySessions) -> None:
        """The second who asks is told of the first: who, on what, for how long."""
        session_id = new_session(claiming)
        mine = claiming.begin(session_id, "step 0", holder="me", for_seconds=60.0)
        assert (mine.granted, mine.holder, mine.step) == (True, "me", "step 0")
        theirs = claiming.begin(session_id, "step 0", holder="you", for_seconds=60.0)
        assert (theirs.granted, theirs.holder, theirs.step) == (False, "me", "step 0")
        assert 0 < theirs.seconds_left <= 60.0

    def test_claims_of_two_sessions_are_two(self, claiming: AnySessions) -> None:
        """A claim concerns its session alone."""
        for session_id in (new_session(claiming), new_session(claiming)):
            claim = claiming.begin(session_id, "step", holder=session_id, for_seconds=60.0)
            assert claim.granted

    def test_a_claim_ends_by_itself(self, claiming: AnySessions, later: Later) -> None:
        """A worker that died keeps nobody from its work for longer than it said."""
        session_id = new_session(claiming)
        claiming.begin(session_id, "step", holder="dead", for_seconds=self.moment)
        later(1.5 * self.moment)
        claim = claiming.begin(session_id, "step", holder="me", for_seconds=60.0)
        assert (claim.granted, claim.holder) == (True, "me")

    def test_a_claim_is_renewed_by_its_holder(self, claiming: AnySessions, later: Later) -> None:
        """Asked for again, one's own claim runs from then on."""
        session_id = new_session(claiming)
        claiming.begin(session_id, "step", holder="me", for_seconds=2 * self.moment)
        assert claiming.begin(session_id, "step", holder="me", for_seconds=60.0).granted
        later(3 * self.moment)
        assert not claiming.begin(session_id, "step", holder="you", for_seconds=60.0).granted

    def test_a_claim_is_given_up(self, claiming: AnySessions) -> None:
        """`end` frees one's own claim, not another's, and is no error where there is none."""
        session_id = new_session(claiming)
        claiming.end(session_id, holder="me")
        claiming.begin(session_id, "step", holder="me", for_seconds=60.0)
        claiming.end(session_id, holder="you")
        assert not claiming.begin(session_id, "step", holder="you", for_seconds=60.0).granted
        claiming.end(session_id, holder="me")
        assert claiming.begin(session_id, "step", holder="you", for_seconds=60.0).granted

    def test_a_claim_blocks_no_commit(self, claiming: AnySessions) -> None:
        """It is a hint: who has none commits all the same."""
        session_id = new_session(claiming)
        claiming.begin(session_id, "step", holder="slow", for_seconds=60.0)
        committed(claiming, session_id, 0)
        assert claiming.read(session_id).num_segments == 1

    def test_a_claim_ends_with_its_session(self, claiming: AnySessions) -> None:
        """A session that is created again is claimed by nobody."""
        session_id = new_session(claiming)
        claiming.begin(session_id, "step", holder="me", for_seconds=60.0)
        claiming.delete(session_id)
        claiming.create(session_id, family="contract")
        assert claiming.begin(session_id, "step", holder="you", for_seconds=60.0).granted

    def test_a_wrong_clock_of_a_worker_ends_no_claim(
        self, claiming: AnySessions, later: Later, wrong_clock: Any
    ) -> None:
        """Claims run by the store's clock."""
        session_id, other = new_session(claiming), new_session(claiming)
        claiming.begin(session_id, "step", holder="me", for_seconds=60.0)
        wrong_clock(3600.0)
        theirs = claiming.begin(session_id, "step", holder="you", for_seconds=60.0)
        assert not theirs.granted
        assert 0 < theirs.seconds_left <= 60.0
        claiming.begin(other, "step", holder="me", for_seconds=self.moment)
        later(1.5 * self.moment)
        assert claiming.begin(other, "step", holder="you", for_seconds=60.0).granted

    @pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), "60", None, True])
    def test_wrong_seconds_of_a_claim_are_refused(
        self, claiming: AnySessions, seconds: Any
    ) -> None:
        """They are a `ValidationError`, and nothing is claimed."""
        session_id = new_session(claiming)
        with pytest.raises(lt.ValidationError, match="for_seconds"):
            claiming.begin(session_id, "step", holder="me", for_seconds=seconds)
        assert claiming.begin(session_id, "step", holder="you", for_seconds=60.0).granted
