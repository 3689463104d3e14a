"""The contract: states and requests come back as they were given, to the last bit."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

import longtake as lt
from longtake.testing.sessions.fixtures import SessionStoreFixtures
from longtake.testing.sessions.samples import AnySessions, new_session, segment, state

__all__ = ["ExactnessContract"]

VALUES: dict[str, Any] = {
    "floats": [0.1, 1 / 3, 5e-324, sys.float_info.max, -0.0, 1e22, 2.0, 1.0000000000000002],
    "integers": [0, -1, 2**53 + 1, 2**63, 2**64 + 1, -(2**70), 10**100],
    "whole numbers that are floats": [1.0, 3e10, -7.0, 1],
    "texts": ["", "Caf\u00e9 \u6e2f", "\U0001f30a", "e\u0301", "line\r\nline", "\u2028", "\\u0041"],
    "control characters": ["\x00", "\x1b[0m", "\x7f", "\ufeff"],
    "names": {"": 1, "a.b": 2, "$set": 3, "__proto__": 4, "b'": 5, "\u00e9": 6, "A": 7, "a": 8},
    "nothing": [None, [], {}, [[]], {"a": {}}, "null", False],
    "an order": [3, 1, 2, 3, "b", "a"],
    "depth": [[[[[[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]]]]]],
    "what looks like SQL": "'; DROP TABLE rows; --",
}


class ExactnessContract(SessionStoreFixtures):
    """Of JSON's values, each of its type."""

    @pytest.mark.parametrize("kind", VALUES)
    def test_states_come_back_exactly(self, store: AnySessions, kind: str) -> None:
        """Floats are not rounded, integers not cut, texts not normalised, types kept."""
        session_id = new_session(store)
        given = state(VALUES[kind])
        store.advance(session_id, 0, segment(0), given)
        for got in (store.read(session_id).state, store.state(session_id, 0)):
            assert got is not None
            assert _exact(got.payload) == _exact(given.payload)
            assert (got.kind, got.digest()) == (given.kind, given.digest())

    @pytest.mark.parametrize("kind", VALUES)
    def test_requests_come_back_exactly(self, store: AnySessions, kind: str) -> None:
        """So does the request of a segment."""
        session_id = new_session(store)
        store.advance(session_id, 0, segment(0, request={"it": VALUES[kind]}), None)
        got = store.history(session_id)[0].request
        assert _exact(got) == _exact({"it": VALUES[kind]})

    def test_a_large_state_comes_back_whole(self, store: AnySessions) -> None:
        """A state of `largest_state` bytes is one row, one field or one file like any other."""
        session_id = new_session(store)
        text = "0123456789abcdef" * (self.largest_state // 16)
        store.advance(session_id, 0, segment(0), state(text))
        got = store.state(session_id, 0)
        same = got is not None and got.payload["number"] == text
        assert same, "another state came back"

    def test_what_was_given_may_change_after_the_commit(self, store: AnySessions) -> None:
        """The store has its own copy of a state and a request."""
        session_id, payload, request = new_session(store), {"a": [1]}, {"b": [1]}
        given = lt.ContinuationState("contract.v1", payload)
        store.advance(session_id, 0, segment(0, request=request), given)
        payload["a"].append(2)
        request["b"].append(2)
        got = store.read(session_id)
        assert got.state is not None and got.state.payload == {"a": [1]}
        assert got.last is not None and got.last.request == {"b": [1]}

    def test_what_was_read_may_change(self, store: AnySessions) -> None:
        """Whoever changes what was read changes nothing that is kept."""
        session_id = new_session(store, 1, labels={"a": "1"})
        first = store.read(session_id)
        assert first.state is not None and first.last is not None
        first.state.payload["number"] = "changed"
        first.last.request["prompt"] = "changed"
        first.labels["a"] = "changed"
        again = store.read(session_id)
        assert again.state == state(0)
        assert again.last is not None and again.last.request["prompt"] == "segment 0"
        assert again.labels == {"a": "1"}

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1, 2}, b"bytes"])
    def test_what_is_not_json_is_refused(self, store: AnySessions, value: Any) -> None:
        """A state that could not come back is a `ValidationError`, and nothing is committed."""
        session_id = new_session(store)
        with pytest.raises(lt.ValidationError):
            store.advance(session_id, 0, segment(0), state(value))
        assert store.read(session_id).revision == 0


def _exact(value: object) -> str:
    """A text that differs when a value or its type does; the order of names is no value."""
    return json.dumps(value, sort_keys=True)
