"""What records hold, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.session_stores.records import new_attempt
from longtake.session_stores.sqlite import open_store
from longtake.testing.sessions.samples import new_session, segment


def test_attempts_are_unguessable() -> None:
    attempts = {new_attempt() for _ in range(1000)}
    assert len(attempts) == 1000
    assert {len(each) for each in attempts} == {32}
    assert set("".join(attempts)) == set("0123456789abcdef")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("index", -1),
        ("index", True),
        ("step", ""),
        ("step", 3),
        ("attempt", ""),
        ("attempt", None),
        ("attempt", "x" * 1001),
        ("request", {"prompt": "\ud800"}),
        ("request", {"image": b"bytes"}),
        ("request", {"a": [{1: "a"}]}),
        ("request", {"a": [float("nan")]}),
        ("media", "blob"),
        ("media", (3,)),
        ("blob_ids", ("",)),
        ("blob_ids", ("\ud800",)),
        ("seconds", -1.0),
        ("seconds", float("nan")),
        ("made_by", 7),
        ("versions", {"\ud800": "1"}),
    ],
)
def test_a_segment_refuses_what_could_not_be_kept(field: str, value: Any) -> None:
    fields: dict[str, Any] = {"index": 0, "step": "s", "attempt": "a", field: value}
    with pytest.raises(lt.ValidationError, match=field):
        lt.SessionSegment(**fields)


@pytest.mark.parametrize("session_id", ["", "a/b", "x" * 129, "a\n", None])
def test_records_have_ids_of_sessions(session_id: Any) -> None:
    with pytest.raises(lt.InvalidSessionId):
        lt.SessionRecord(id=session_id, revision=0, family="test")
    with pytest.raises(lt.InvalidSessionId):
        lt.SessionParent(id=session_id, num_segments=0)


def test_blob_ids_are_capabilities_and_not_shown() -> None:
    said = repr(segment(0, blob_ids=("secret-blob",), request={"prompt": "secret words"}))
    hold = lt.Hold(id="h", attempt="a", blob_ids=("secret-blob",), until=1.0)
    assert "secret" not in said + repr(hold)


@pytest.mark.parametrize(
    "fields",
    [
        {"family": 3},
        {"family": "\ud800"},
        {"preset": None},
        {"labels": {"\ud800": "a"}},
        {"labels": {str(number): "" for number in range(65)}},
        {"expires_in": 1e12},
        {"attempt": ""},
    ],
)
def test_a_session_refuses_what_could_not_be_kept(tmp_path: Any, fields: dict[str, Any]) -> None:
    store = open_store(f"sqlite://{tmp_path}/takes.db")
    with pytest.raises(lt.ValidationError, match=next(iter(fields))):
        new_session(store, **fields)
    assert store.list() == []
    store.close()


@pytest.mark.parametrize("value", [{1: {2: [float("nan")]}}, {"a": {1, 2}}, {"a": float("inf")}])
def test_a_request_that_is_not_json_is_a_validation_error(value: Any) -> None:
    store = lt.open_session_store("memory:")
    session_id = new_session(store)
    with pytest.raises(lt.ValidationError, match="JSON"):
        store.advance(session_id, 0, segment(0, request=value), None)
    assert store.history(session_id) == []
