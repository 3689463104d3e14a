"""The contract: what blobs are needed is known before a commit and after it, and in between."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.testing.blobs.samples import skip
from longtake.testing.sessions.fixtures import Later, SessionStoreFixtures
from longtake.testing.sessions.samples import (
    AnySessions,
    attempt,
    new_id,
    new_session,
    segment,
    state,
)

__all__ = ["HoldsContract"]


class HoldsContract(SessionStoreFixtures):
    """Of stores with `longtake.SupportsHolds`."""

    def test_held_has_the_blobs_of_holds_and_segments(self, holding: AnySessions) -> None:
        """Whoever sweeps blobs is told of all that is needed, and of nothing else."""
        assert holding.held() == set()
        hold = holding.hold(["blob-1", "blob-2"], for_seconds=60.0)
        assert (hold.blob_ids, hold.revoked) == (("blob-1", "blob-2"), False)
        session_id = new_session(holding)
        holding.advance(session_id, 0, segment(0, blob_ids=("blob-2", "blob-3")), state())
        assert holding.held() == {"blob-1", "blob-2", "blob-3"}
        holding.forget_hold(hold)
        assert holding.held() == {"blob-2", "blob-3"}

    def test_a_commit_gives_its_hold_up(self, holding: AnySessions, later: Later) -> None:
        """From then on the segment needs the blobs; the hold never runs out."""
        session_id, mine = new_session(holding), attempt()
        hold = holding.hold(["blob"], for_seconds=self.moment, attempt=mine)
        holding.advance(
            session_id, 0, segment(0, attempt=mine, blob_ids=("blob",)), state(), hold=hold
        )
        assert holding.held() == {"blob"}
        later(1.5 * self.moment)
        assert holding.revoke_over() == []
        assert holding.held() == {"blob"}

    def test_a_commit_that_fails_leaves_its_hold(self, holding: AnySessions) -> None:
        """The loser of a race still has what it put, until it lets it go."""
        session_id = new_session(holding, 1)
        hold = holding.hold(["loser's"], for_seconds=60.0)
        with pytest.raises(lt.Conflict):
            holding.advance(session_id, 0, segment(0), state(), hold=hold)
        with pytest.raises(lt.SessionExists):
            holding.create(session_id, family="contract", hold=hold)
        assert "loser's" in holding.held()

    def test_a_hold_that_is_over_is_revoked(self, holding: AnySessions, later: Later) -> None:
        """`revoke_over` gives holds that are over, again until they are forgotten, no others."""
        over = holding.hold(["over"], for_seconds=self.moment)
        holding.hold(["running"], for_seconds=60.0)
        assert holding.revoke_over() == []
        later(1.5 * self.moment)
        for _ in range(2):
            (revoked,) = holding.revoke_over()
            assert (revoked.id, revoked.attempt) == (over.id, over.attempt)
            assert (revoked.blob_ids, revoked.revoked) == (("over",), True)
        assert holding.held() == {"running"}
        holding.forget_hold(revoked)
        assert holding.revoke_over() == []

    def test_only_so_many_holds_are_revoked_at_once(
        self, holding: AnySessions, later: Later
    ) -> None:
        """``limit`` bounds what one call does; the others wait for the next one."""
        for number in range(3):
            holding.hold([f"over-{number}"], for_seconds=self.moment)
        later(1.5 * self.moment)
        assert len(holding.revoke_over(limit=2)) == 2
        assert len(holding.held()) == 1

    def test_a_commit_fails_when_its_hold_was_revoked(
        self, holding: AnySessions, later: Later
    ) -> None:
        """Its blobs may be swept: `HoldRevoked`, and nothing is committed, before and after."""
        session_id, new = new_session(holding), new_id()
        hold = holding.hold(["blob"], for_seconds=self.moment)
        later(1.5 * self.moment)
        (revoked,) = holding.revoke_over()
        for _ in range(2):
            with pytest.raises(lt.HoldRevoked):
                holding.advance(session_id, 0, segment(0), state(), hold=hold)
            with pytest.raises(lt.HoldRevoked):
                holding.create(new, family="contract", hold=hold)
            holding.forget_hold(revoked)
        assert holding.read(session_id).revision == 0
        assert holding.history(session_id) == []
        with pytest.raises(lt.SessionNotFound):
            holding.read(new)

    def test_an_attempt_that_was_committed_is_known_without_its_hold(
        self, holding: AnySessions
    ) -> None:
        """The commit gave the hold up, so that making it again finds the segment, not an error."""
        session_id, mine = new_session(holding), attempt()
        hold = holding.hold(["blob"], for_seconds=60.0, attempt=mine)
        said = segment(0, attempt=mine, blob_ids=("blob",))
        first = holding.advance(session_id, 0, said, state(), hold=hold)
        assert holding.advance(session_id, 0, said, state(), hold=hold) == first

    def test_a_second_hold_of_an_attempt_takes_nothing_from_its_segment(
        self, holding: AnySessions, later: Later
    ) -> None:
        """What a committed segment needs is not let go, though a hold of its attempt is over."""
        session_id, mine = new_session(holding), attempt()
        holding.hold(["blob", "other"], for_seconds=self.moment, attempt=mine)
        hold = holding.hold(["blob"], for_seconds=60.0, attempt=mine)
        said = segment(0, attempt=mine, blob_ids=("blob",))
        holding.advance(session_id, 0, said, state(), hold=hold)
        later(1.5 * self.moment)
        assert [each.blob_ids for each in holding.revoke_over()] == [("other",)]
        assert holding.held() == {"blob"}

    def test_a_deleted_session_lets_its_blobs_go(self, holding: AnySessions) -> None:
        """They are in holds that are revoked already, each under its segment's attempt."""
        session_id = new_session(holding, 2)
        attempts = {each.attempt: set(each.blob_ids) for each in holding.history(session_id)}
        holding.delete(session_id)
        assert holding.held() == set()
        let_go = holding.revoke_over()
        assert {each.attempt: set(each.blob_ids) for each in let_go} == attempts
        assert all(each.revoked for each in let_go)

    def test_a_rewind_lets_go_what_is_needed_no_longer(self, holding: AnySessions) -> None:
        """It lets go what the segments behind needed, and keeps what those before need."""
        self._with_branches(holding)
        session_id = new_session(holding, 3)
        needed = {name for each in holding.history(session_id)[:1] for name in each.blob_ids}
        gone = {each.attempt: set(each.blob_ids) for each in holding.history(session_id)[1:]}
        holding.rewind(session_id, 3, 1)
        assert holding.held() == needed
        assert {each.attempt: set(each.blob_ids) for each in holding.revoke_over()} == gone

    def test_forks_keep_shared_blobs(self, holding: AnySessions, later: Later) -> None:
        """What a parent lets go its forks still need, under attempts of their own."""
        self._with_branches(holding)
        parent, new, mine = new_session(holding, 2), new_id(), attempt()
        shared = {name for each in holding.history(parent) for name in each.blob_ids}
        hold = holding.hold(sorted(shared), for_seconds=self.moment, attempt=mine)
        holding.fork(parent, 2, new, attempt=mine, hold=hold)
        holding.rewind(parent, 2, 0)
        assert holding.held() == shared
        holding.delete(parent)
        later(1.5 * self.moment)
        assert holding.held() == shared
        assert mine not in {each.attempt for each in holding.revoke_over()}
        holding.delete(new)
        assert holding.held() == set()
        assert mine in {each.attempt for each in holding.revoke_over()}

    def test_a_fork_fails_when_its_hold_was_revoked(
        self, holding: AnySessions, later: Later
    ) -> None:
        """It is `HoldRevoked`, and no session."""
        self._with_branches(holding)
        parent, new = new_session(holding, 1), new_id()
        hold = holding.hold(["blob"], for_seconds=self.moment)
        later(1.5 * self.moment)
        holding.revoke_over()
        with pytest.raises(lt.HoldRevoked):
            holding.fork(parent, 1, new, hold=hold)
        with pytest.raises(lt.SessionNotFound):
            holding.read(new)

    def test_a_wrong_clock_of_a_worker_ends_no_hold(
        self, holding: AnySessions, later: Later, wrong_clock: Any
    ) -> None:
        """Holds run by the store's clock."""
        holding.hold(["blob"], for_seconds=60.0)
        wrong_clock(3600.0)
        assert holding.revoke_over() == []
        late = holding.hold(["late"], for_seconds=self.moment)
        later(1.5 * self.moment)
        assert [each.id for each in holding.revoke_over()] == [late.id]

    @pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), "60", None, True])
    def test_wrong_seconds_of_a_hold_are_refused(self, holding: AnySessions, seconds: Any) -> None:
        """They are a `ValidationError`, and nothing is held."""
        with pytest.raises(lt.ValidationError, match="for_seconds"):
            holding.hold(["blob"], for_seconds=seconds)
        assert holding.held() == set()

    def _with_branches(self, store: AnySessions) -> None:
        if not isinstance(store, lt.SupportsBranches):
            skip("the store has not got `longtake.SupportsBranches`")
