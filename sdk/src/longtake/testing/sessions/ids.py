"""The contract: what is no id of a session never becomes a path or a key."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.testing.blobs.samples import hostile_ids
from longtake.testing.sessions.fixtures import SessionStoreFixtures
from longtake.testing.sessions.samples import AnySessions, new_session, state, uses_of_an_id
from longtake.testing.sessions.watched_rows import watched

__all__ = ["SessionIdsContract"]

_REAL = "session-0123456789abcdef"
_ARE_IDS = {"cut short", "one more"}
"""Of no session, though of the right form."""
HOSTILE = {name: text for name, text in hostile_ids(_REAL).items() if name not in _ARE_IDS}
NO_TEXTS = [None, 3, b"abc", ["a"], object()]


class SessionIdsContract(SessionStoreFixtures):
    """Ids are 1 to 128 of ``A-Za-z0-9_-``."""

    @pytest.mark.parametrize("session_id", ["a", "-", "_", "0", "A-b_9", "x" * 128, "--help"])
    def test_ids_of_the_right_form_are_taken(self, store: AnySessions, session_id: str) -> None:
        """The shortest, the longest, and those that look like something else."""
        store.create(session_id, family="contract")
        assert store.read(session_id).id == session_id
        assert [each.id for each in store.list()] == [session_id]

    @pytest.mark.parametrize("kind", HOSTILE)
    def test_malformed_ids_are_refused_before_they_reach_the_backend(
        self, store: AnySessions, kind: str
    ) -> None:
        """Every method raises `InvalidSessionId`, which does not repeat a long id."""
        malformed = HOSTILE[kind]
        seen, calls = watched(store)
        uses = [*uses_of_an_id(seen), ("create", lambda i: seen.create(i, family="contract"))]
        uses += [("delete", seen.delete)]
        if malformed:
            uses += [("list", lambda i: seen.list(after=i))]
        if isinstance(seen, lt.SupportsBranches):
            known = new_session(store)
            uses += [("fork to", lambda i: seen.fork(known, 0, i))]
        if isinstance(seen, lt.SupportsClaims):
            uses += [
                ("begin", lambda i: seen.begin(i, "step", holder="me", for_seconds=1.0)),
                ("end", lambda i: seen.end(i, holder="me")),
            ]
        calls.clear()
        for name, use in uses:
            with pytest.raises(lt.InvalidSessionId) as raised:
                use(malformed)
            assert len(str(raised.value)) < 400, f"{name} repeats the id"
        assert calls == []

    @pytest.mark.parametrize("thing", NO_TEXTS)
    def test_what_is_no_text_is_no_id(self, store: AnySessions, thing: Any) -> None:
        """It is `InvalidSessionId`, which is a `SessionNotFound`, too."""
        for _, use in (*uses_of_an_id(store), ("delete", store.delete)):
            with pytest.raises(lt.InvalidSessionId):
                use(thing)

    def test_an_id_in_other_letters_is_another_session(self, store: AnySessions) -> None:
        """Capital and small letters differ, wherever ids become names of files or tables."""
        for number, session_id in enumerate(("Take-a", "take-A", "TAKE-A")):
            store.create(session_id, family="contract", labels={"number": str(number)})
        for number, session_id in enumerate(("Take-a", "take-A", "TAKE-A")):
            assert store.read(session_id).labels == {"number": str(number)}

    def test_an_id_that_begins_another_is_another_session(self, store: AnySessions) -> None:
        """Neither reads, lists nor deletes what belongs to the other."""
        for number, session_id in enumerate(("a", "a-b", "a0", "a_")):
            store.create(session_id, family="contract", segments=())
            for index in range(2):
                said = lt.SessionSegment(index=index, step="s", attempt=f"{number}{index}" * 16)
                store.advance(session_id, index, said, state(session_id))
        store.delete("a")
        assert [each.id for each in store.list()] == sorted(("a-b", "a0", "a_"))
        for session_id in ("a-b", "a0", "a_"):
            assert store.read(session_id).state == state(session_id)
            assert len(store.history(session_id)) == 2
