"""A state takes no more memory than it may, and that is known before any of it is taken."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from attrs import frozen

import longtake as lt
from longtake.blobs.memory import MemoryBlobStore
from longtake.states.budget import read_json


def test_what_is_taken_is_no_longer_left() -> None:
    budget = lt.StateBudget(100)
    budget.take(60, "state.payload.a")
    with pytest.raises(lt.ValidationError, match="has 2 frames, 41 bytes when unpacked; 40 ") as no:
        budget.take(41, "state.payload.b", "2 frames")
    assert no.value.path == "state.payload.b"
    budget.take(40, "state.payload.b")
    assert budget.left == 0


def test_a_state_may_take_half_a_gibibyte_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert lt.StateBudget().left == 512 * 2**20
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", "3MiB")
    assert lt.StateBudget().left == 3 * 2**20


@pytest.mark.parametrize("text", ["[" + "[],{}," * 999 + "0]", '{"a":' + '[""],' * 999 + '"":0}'])
@pytest.mark.parametrize("kind", [str, bytes])
def test_many_small_values_are_refused_before_they_are_made(
    monkeypatch: pytest.MonkeyPatch, text: str, kind: type
) -> None:
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", "100KiB")
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(lt.ValidationError, match="values, [0-9]+ bytes when unpacked"):
        read_json(text if kind is str else text.encode())
    with pytest.raises(lt.ValidationError, match="the state has about"):
        lt.ContinuationState.from_json(text if kind is str else text.encode())


@frozen
class Sounds:
    samples: tuple[bytes, ...]
    segment_index: int = 0

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {}


def test_texts_of_a_small_state_count_wherever_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = lt.AttrsCodec("sounds.v1", Sounds, blob_from=0)
    value, store = Sounds((bytes(300),) * 3), MemoryBlobStore()
    states = [(codec.encode(value), None), (codec.encode(value, store), store)]
    for state, blobs in states:
        assert codec.decode(state, blobs) == value
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", "1100")
    monkeypatch.setattr(base64, "b64decode", lambda *_, **__: pytest.fail("unpacked"))
    for state, blobs in states:
        with pytest.raises(lt.ValidationError, match="400 bytes when unpacked; 300 are") as refused:
            codec.decode(state, blobs)
        assert refused.value.path.startswith("state.payload.state")


def test_a_document_of_too_many_values_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = json.dumps({"kind": "fog.v1", "payload": {"list": [0] * 1000}})
    lt.ContinuationState.from_json(document)
    monkeypatch.setenv("LONGTAKE_STATE_LIMITS", '{"values": 1000}')
    with pytest.raises(lt.ValidationError, match="about 1003 values .* at most 1000"):
        lt.ContinuationState.from_json(document)
    with pytest.raises(lt.ValidationError, match="about 1003 values .* at most 1000"):
        lt.ContinuationState("fog.v1", {"list": [0] * 1000}).to_json()  # nobody could read it


def nested(depth: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(depth - 2):
        value = {"in": [value]} if len(value) > 9 else {"in": value}
    return value


def test_a_state_is_nested_as_deep_as_the_limit_says_and_no_deeper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LONGTAKE_STATE_LIMITS", '{"depth": 20}')
    state = lt.ContinuationState("fog.v1", nested(21))
    assert lt.ContinuationState.from_json(state.to_json()) == state
    for refused in (
        lambda: lt.ContinuationState("fog.v1", nested(22)).to_json(),
        lambda: lt.ContinuationState.from_json('{"kind": "x", "payload": ' + "[" * 30 + "]" * 30),
        lambda: lt.ContinuationState.from_json(json.dumps({"kind": "x", "payload": nested(22)})),
    ):
        with pytest.raises(lt.ValidationError):
            refused()
    with pytest.raises(lt.ValidationError, match="more than 20 deep"):
        lt.ContinuationState.from_json(json.dumps({"kind": "x", "payload": nested(22)}))


def test_a_text_longer_than_a_states_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGTAKE_STATE_BYTES", "1000")
    text = '{"kind": "x", "payload": {"x": "' + "y" * 2000 + '"}}'
    with pytest.raises(lt.ValidationError, match="at most 2000 are read"):
        lt.ContinuationState.from_json(text)
