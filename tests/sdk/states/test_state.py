"""A state as JSON: the same after a round trip, refused when it is anything else."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from tests.sdk.strategies import states


@given(states, st.sampled_from([None, 2]))
def test_every_state_survives_its_json(state: lt.ContinuationState, indent: int | None) -> None:
    text = state.to_json(indent=indent)
    assert lt.ContinuationState.from_json(text) == state
    assert lt.ContinuationState.from_json(text.encode()) == state


@pytest.mark.parametrize("half", [r"\ud800", r"\uD800", "\ud800"], ids=["low", "high", "itself"])
@pytest.mark.parametrize("where", ['{"x": "HALF"}', '{"HALF": 1}', '{"x": [{"y": "a HALF"}]}'])
@pytest.mark.parametrize("encoded", [False, True])
def test_half_of_a_surrogate_pair_is_refused(half: str, where: str, encoded: bool) -> None:
    text = f'{{"kind": "a", "payload": {where.replace("HALF", half)}}}'
    given = text.encode("utf-8", "surrogatepass") if encoded else text
    with pytest.raises(lt.ValidationError):
        lt.ContinuationState.from_json(given)


def test_the_json_does_not_depend_on_the_order_of_keys() -> None:
    one = lt.ContinuationState("fog.v1", {"a": 1, "b": 2})
    other = lt.ContinuationState("fog.v1", {"b": 2, "a": 1})
    assert one.to_json() == other.to_json() == '{"kind": "fog.v1", "payload": {"a": 1, "b": 2}}'


@given(states)
def test_the_digest_survives_the_json(state: lt.ContinuationState) -> None:
    read = lt.ContinuationState.from_json(state.to_json(indent=1))
    assert read.digest() == state.digest()


def test_the_digest_is_of_the_canonical_json() -> None:
    one = lt.ContinuationState("fog.v1", {"b": "é", "a": [1, 2.5]})
    text = b'{"kind":"fog.v1","payload":{"a":[1,2.5],"b":"\\u00e9"}}'
    assert one.digest() == f"sha256:{hashlib.sha256(text).hexdigest()}"
    assert one.digest() != lt.ContinuationState("fog.v2", one.payload).digest()


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "payload",
    [
        {"tensor": b"bytes"},
        {"tensor": object()},
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": {1, 2}},
        {1: "a", "b": 2},
        nested(100_000),
    ],
    ids=["bytes", "object", "nan", "infinity", "set", "mixed keys", "deep"],
)
def test_what_json_cannot_say_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.ContinuationState("fog.v1", payload).to_json()
    assert refused.value.path == "payload"
    assert refused.value.__cause__ is None


def test_a_payload_that_contains_itself_is_refused() -> None:
    payload: dict[str, Any] = {}
    payload["me"] = payload
    with pytest.raises(lt.ValidationError, match="payload: is not plain JSON"):
        lt.ContinuationState("fog.v1", payload).to_json()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""),
        ("{", ""),
        ("null", ""),
        ("[]", ""),
        ('"fog"', ""),
        ("NaN", ""),
        ('{"kind": "a", "payload": {"x": NaN}}', ""),
        ('{"kind": "a", "payload": {"x": -Infinity}}', ""),
        ("[" * 100_000, ""),
        ('{"kind": "a", "payload": {"x": ' + "9" * 5000 + "}}", ""),
        (b"\xff\xfe", ""),
        (b"\x00\xd8", ""),
        ("{}", "kind"),
        ('{"payload": {}}', "kind"),
        ('{"kind": "a"}', "payload"),
        ('{"kind": 3, "payload": {}}', "kind"),
        ('{"kind": null, "payload": {}}', "kind"),
        ('{"kind": "a", "payload": []}', "payload"),
        ('{"kind": "a", "payload": null}', "payload"),
        ('{"kind": "a", "payload": "x"}', "payload"),
        ('{"kind": "a", "payload": {}, "version": 1}', "version"),
    ],
)
def test_everything_but_a_state_is_refused(text: str | bytes, path: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.ContinuationState.from_json(text)
    assert refused.value.path == path


def test_something_that_is_no_text_is_refused() -> None:
    document: Any = {"kind": "a", "payload": {}}
    with pytest.raises(lt.ValidationError, match="not a JSON document"):
        lt.ContinuationState.from_json(document)


@given(st.text() | st.binary())
def test_noise_is_refused_with_one_kind_of_error(text: str | bytes) -> None:
    with contextlib.suppress(lt.ValidationError):
        lt.ContinuationState.from_json(text)


def test_a_state_does_not_print_its_payload() -> None:
    assert "x" * 100 not in repr(lt.ContinuationState("fog.v1", {"pixels": "x" * 100}))
