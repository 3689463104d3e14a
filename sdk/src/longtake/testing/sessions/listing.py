"""The contract: sessions are found by their labels, page by page, each once."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.testing.sessions.fixtures import SessionStoreFixtures
from longtake.testing.sessions.samples import AnySessions, committed, new_session

__all__ = ["ListingContract"]

LABELS = ["a=b", "a/b", "a:b,c", "'\"", " ", "\u6e2f", "*", "%", "a", "A", "label/x", "x" * 255]


class ListingContract(SessionStoreFixtures):
    """Labels, orders and pages."""

    def test_pages_have_every_session_once_and_in_order(self, store: AnySessions) -> None:
        """Whoever goes on behind the last id of a page sees all, whatever a page holds."""
        wanted = sorted(new_session(store, 1) for _ in range(13))
        for limit in (1, 5, 12, 13, 14, 1000):
            assert self._pages(store, limit) == wanted

    def test_labelled_pages_have_every_session_once(self, store: AnySessions) -> None:
        """So it is among sessions that have a label, in between others."""
        made = [new_session(store, labels={"n": str(number % 3)}) for number in range(15)]
        for number in range(3):
            wanted = sorted(made[number::3])
            for limit in (1, 2, 5):
                assert self._pages(store, limit, labels={"n": str(number)}) == wanted

    def test_a_page_goes_on_behind_a_session_that_is_gone(self, store: AnySessions) -> None:
        """``after`` may name a session that was deleted meanwhile."""
        made = sorted(new_session(store) for _ in range(6))
        first = [each.id for each in store.list(limit=3)]
        store.delete(first[-1])
        assert first + [each.id for each in store.list(after=first[-1])] == made

    def test_all_of_the_labels_must_be_there(self, store: AnySessions) -> None:
        """Of several labels each counts, by its name and its text."""
        both = new_session(store, labels={"show": "harbour", "act": "1"})
        other = new_session(store, labels={"show": "harbour", "act": "2"})
        new_session(store, labels={"show": "harbour2"})
        new_session(store, labels={"act": "harbour"})
        new_session(store)

        def found(**labels: str) -> list[str]:
            return [each.id for each in store.list(labels=labels)]

        assert found(show="harbour") == sorted([both, other])
        assert found(show="harbour", act="1") == found(act="1", show="harbour") == [both]
        assert found(show="harbour", act="3") == found(show="harb") == found(nothing="1") == []

    def test_labels_are_any_text(self, store: AnySessions) -> None:
        """What means something to a backend means nothing in a label, as a name or as a text."""
        by_label = {}
        for text in LABELS:
            by_label[text] = new_session(store, labels={text: text})
        for text, session_id in by_label.items():
            assert [each.id for each in store.list(labels={text: text})] == [session_id]
            assert store.read(session_id).labels == {text: text}

    def test_a_list_has_sessions_as_they_are(self, store: AnySessions) -> None:
        """Each with its revision and its last segment, without its state."""
        session_id = new_session(store, 2, preset="swing@1", labels={"a": "b"})
        last = committed(store, session_id, 2)
        (listed,) = store.list()
        record = store.read(session_id)
        assert listed.state is None
        assert (listed.id, listed.revision, listed.num_segments) == (session_id, 3, 3)
        assert (listed.last, listed.labels, listed.created) == (last, {"a": "b"}, record.created)

    @pytest.mark.parametrize("limit", [0, -1, 1001, 1.5, "10", None, True])
    def test_wrong_limits_of_a_list_are_refused(self, store: AnySessions, limit: Any) -> None:
        """They are `ValidationError`, which names it."""
        with pytest.raises(lt.ValidationError, match="limit"):
            store.list(limit=limit)

    @pytest.mark.parametrize(
        "labels", [{"": "a"}, {"a": 1}, {1: "a"}, {"a": None}, {"a": "x" * 256}, ["a"]]
    )
    def test_wrong_labels_are_refused(self, store: AnySessions, labels: Any) -> None:
        """They are `ValidationError`, in `create` and in `list`, and make no session."""
        with pytest.raises(lt.ValidationError, match="labels"):
            new_session(store, labels=labels)
        with pytest.raises(lt.ValidationError, match="labels"):
            store.list(labels=labels)
        assert store.list() == []

    def _pages(self, store: AnySessions, limit: int, **chosen: Any) -> list[str]:
        found: list[str] = []
        while True:
            after = found[-1] if found else ""
            page = [each.id for each in store.list(after=after, limit=limit, **chosen)]
            assert len(page) <= limit
            if not page:
                return found
            found += page
            assert len(found) < 100, "the pages do not end"
