"""The contract: a store can be opened again and closed, and does not tell what it must not."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import longtake as lt
from longtake.testing.blobs.samples import skip
from longtake.testing.sessions.fixtures import SessionStoreFixtures
from longtake.testing.sessions.samples import (
    AnySessions,
    closed,
    committed,
    new_id,
    new_session,
    picture_of,
    uses_of_an_id,
)

__all__ = ["HandlesContract"]


class HandlesContract(SessionStoreFixtures):
    """Handles of a store, and what it says of itself."""

    def test_a_second_handle_sees_the_same_sessions(
        self, store: AnySessions, reopened: Callable[[], AnySessions]
    ) -> None:
        """Each continues what the other has committed."""
        session_id = new_session(store, 2, labels={"a": "b"})
        another = reopened()
        assert picture_of(another, session_id) == picture_of(store, session_id)
        committed(another, session_id, 2)
        committed(store, session_id, 3)
        assert picture_of(another, session_id) == picture_of(store, session_id)
        store.delete(session_id)
        with pytest.raises(lt.SessionNotFound):
            another.read(session_id)

    def test_sessions_outlive_the_handle(
        self, store: AnySessions, reopened: Callable[[], AnySessions]
    ) -> None:
        """What was committed is there when everybody has closed the store."""
        another = reopened()
        session_id = new_session(store, 2)
        before = picture_of(store, session_id)
        closed(store)
        assert picture_of(another, session_id) == before

    def test_a_closed_store_says_so(self, store: AnySessions) -> None:
        """Every use raises `SessionError`, not found least of all; closing again does nothing."""
        can_close = isinstance(store, lt.SupportsClose)
        if not can_close:
            skip("the store has not got `longtake.SupportsClose`")
        session_id = new_session(store, 1)
        uses = [*uses_of_an_id(store), ("delete", store.delete)]
        for _ in range(2):
            closed(store)
        uses += [("create", lambda i: store.create(new_id(), family="contract"))]
        uses += [("list", lambda i: store.list())]
        for name, use in uses:
            with pytest.raises(lt.SessionError) as raised:
                use(session_id)
            assert not isinstance(raised.value, lt.SessionNotFound | lt.Conflict), name

    def test_repr_and_errors_hide_credentials(
        self, store: AnySessions, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Passwords and tokens are in no repr, no message of an error, and no log."""
        if not self.secrets:
            skip("nothing to hide: put the store's credentials into `secrets`")
        with caplog.at_level(logging.INFO):
            said = [repr(store), str(store), *_errors(store)]
            closed(store)
            said += [repr(store), *_errors(store)]
        told = [each for each in [*said, caplog.text] if any(s in each for s in self.secrets)]
        assert told == []

    def test_repr_hides_sessions(self, store: AnySessions) -> None:
        """Ids and labels of sessions are not shown by the store."""
        session_id = new_session(store, 1, labels={"customer": "Ada"})
        store.read(session_id)
        assert session_id not in repr(store)
        assert "Ada" not in repr(store)

    def test_errors_survive_pickling(self, store: AnySessions) -> None:
        """They come through a pool of workers as they were."""
        session_id = new_session(store, 2)
        for use in (
            lambda: store.read(new_id()),
            lambda: committed(store, session_id, 0),
            lambda: store.create(session_id, family="contract"),
        ):
            with pytest.raises(lt.SessionError) as raised:
                use()
            again: Any = pickle.loads(pickle.dumps(raised.value))
            assert type(again) is type(raised.value)
            assert str(again) == str(raised.value)


def _errors(store: AnySessions) -> list[str]:
    """What the store says when it has no session, with what it says was the reason."""
    try:
        store.read(new_id())
    except lt.LongtakeError as error:
        chain = [error, error.__cause__]
        return [text for each in chain if each is not None for text in (str(each), repr(each))]
    return []
