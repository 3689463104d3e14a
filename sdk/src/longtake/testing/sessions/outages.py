"""The contract: a server or a disk that is not there is an error, clear and soon."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

import longtake as lt
from longtake.testing.blobs.fixtures import Outage
from longtake.testing.blobs.outages import soon
from longtake.testing.sessions.fixtures import SessionStoreFixtures
from longtake.testing.sessions.samples import AnySessions, new_id, new_session, segment, state

__all__ = ["SessionOutagesContract"]

USES: dict[str, Callable[[AnySessions, str], object]] = {
    "create": lambda store, session_id: store.create(new_id(), family="contract"),
    "read": lambda store, session_id: store.read(session_id),
    "advance": lambda store, session_id: store.advance(session_id, 1, segment(1), state()),
    "history": lambda store, session_id: store.history(session_id),
    "list": lambda store, session_id: store.list(),
    "delete": lambda store, session_id: store.delete(new_id()),
}


class SessionOutagesContract(SessionStoreFixtures):
    """`longtake.SessionStoreUnavailable`, which says that trying again may help."""

    @pytest.mark.parametrize("use", USES)
    def test_a_lost_store_says_so_in_bounded_time(
        self, store: AnySessions, outage: Outage, use: str
    ) -> None:
        """It neither waits for ever nor raises what its client raises."""
        session_id = new_session(store, 1)
        with outage(), pytest.raises(lt.SessionStoreUnavailable):
            soon(self.patience, USES[use], store, session_id)

    def test_a_commit_is_made_once_around_an_outage(
        self, store: AnySessions, outage: Outage
    ) -> None:
        """Tried during an outage and again after it, with the same attempt, it is there once."""
        session_id = new_session(store, 1)
        mine = segment(1)
        with outage(), suppress(lt.SessionStoreUnavailable):
            soon(self.patience, store.advance, session_id, 1, mine, state(1))
        soon(self.patience, store.advance, session_id, 1, mine, state(1))
        assert [each.attempt for each in store.history(session_id)][1:] == [mine.attempt]
        assert store.read(session_id).revision == 2
