"""Sessions in the memory of one process."""

from __future__ import annotations

import copy
import pickle

import pytest

import longtake as lt
from longtake.session_stores.memory import open_store
from longtake.testing import SessionStoreContract
from longtake.testing.sessions.samples import new_session


class TestMemorySessions(SessionStoreContract):
    moment = 0.3

    @pytest.fixture
    def store(self) -> lt.SessionStore:
        return lt.open_session_store("memory:")


def test_stores_are_separate() -> None:
    first, second = open_store("memory:"), open_store("MEMORY:")
    session_id = new_session(first)
    assert second.list() == []
    second.create(session_id, family="test")


@pytest.mark.parametrize("url", ["memory://", "memory:x", "memory:?a=1", "memory:#", "memory"])
def test_a_memory_store_has_no_name(url: str) -> None:
    with pytest.raises(lt.ValidationError, match="memory:"):
        open_store(url)


def test_it_cannot_leave_its_process() -> None:
    store = open_store("memory:")
    for away in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(lt.SessionError, match="sqlite:///"):
            away(store.rows)
    with pytest.raises(lt.SessionError, match="sqlite:///"):
        pickle.dumps(store)
