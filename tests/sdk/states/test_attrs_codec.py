"""The ready-made codec of small states."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from attrs import evolve, field, frozen
from hypothesis import given

import longtake as lt
from longtake.blobs.memory import MemoryBlobStore


@frozen
class Swing:
    """A state with every kind of field."""

    segment_index: int = field(validator=lt.between(0, 10**6))
    fps: Fraction
    angles: tuple[float, ...] = ()
    note: bytes = b""
    names: list[str] = field(factory=list)

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {"fps": self.fps}


CODEC = lt.AttrsCodec("swing.v1", Swing)
IN_BLOBS = CODEC.evolve(blob_from=0)
SWING = Swing(3, Fraction(24000, 1001), (0.1, -2.5), b"\x00\xff", ["a"])

swings = st.builds(
    Swing,
    st.integers(0, 10**6),
    st.fractions(min_value=1, max_value=240, max_denominator=1001),
    st.lists(st.floats(allow_nan=False, allow_infinity=False)).map(tuple),
    st.binary(),
    st.lists(st.text()),
)


def through_json(state: lt.ContinuationState) -> lt.ContinuationState:
    return lt.ContinuationState.from_json(state.to_json())


@given(swings)
def test_what_was_written_is_read(swing: Swing) -> None:
    assert CODEC.decode(through_json(CODEC.encode(swing))) == swing
    store = MemoryBlobStore()
    assert IN_BLOBS.decode(through_json(IN_BLOBS.encode(swing, store)), store) == swing


def test_the_payload_is_a_version_and_the_fields() -> None:
    assert CODEC.encode(SWING).payload == {
        "schema_version": 1,
        "state": {
            "segment_index": 3,
            "fps": "24000/1001",
            "angles": [0.1, -2.5],
            "note": "AP8=",
            "names": ["a"],
        },
    }


def test_a_store_gets_states_from_a_size_on() -> None:
    store = MemoryBlobStore()
    size = len(json.dumps(CODEC.encode(SWING).payload["state"]))
    for blob_from, stored in ((None, False), (size + 1, False), (size, True), (0, True)):
        state = CODEC.evolve(blob_from=blob_from).encode(SWING, store)
        assert len(CODEC.blob_ids(state)) == stored
        assert all(blob_id in store for blob_id in CODEC.blob_ids(state))
        assert CODEC.decode(state, store) == SWING
    assert CODEC.blob_ids(IN_BLOBS.encode(SWING)) == ()  # without a store it stays inline


def of(**payload: Any) -> lt.ContinuationState:
    return lt.ContinuationState("swing.v1", payload)


FIELDS = CODEC.encode(SWING).payload["state"]


@pytest.mark.parametrize(
    ("state", "path"),
    [
        (lt.ContinuationState("other", {}), "state.kind"),
        (of(), "state.payload.schema_version"),
        (of(schema_version=2, state=FIELDS), "state.payload.schema_version"),
        (of(schema_version=0, state=FIELDS), "state.payload.schema_version"),
        (of(schema_version=True, state=FIELDS), "state.payload.schema_version"),
        (of(schema_version="1", state=FIELDS), "state.payload.schema_version"),
        (of(schema_version=1), "state.payload"),
        (of(schema_version=1, state=[]), "state.payload"),
        (of(schema_version=1, state_blob_id=3), "state.payload"),
        (of(schema_version=1, state=FIELDS, state_blob_id="a"), "state.payload"),
        (of(schema_version=1, state=FIELDS, more=1), "state.payload"),
        (of(schema_version=1, state={}), "state.payload.state.segment_index"),
        (of(schema_version=1, state=FIELDS | {"x": 1}), "state.payload.state.x"),
        (of(schema_version=1, state=FIELDS | {"segment_index": -1}), "state.payload.state.segment"),
        (
            of(schema_version=1, state=FIELDS | {"angles": [1, "2"]}),
            "state.payload.state.angles",
        ),
        (of(schema_version=1, state=FIELDS | {"angles": [10**400]}), "state.payload.state.angles"),
        (of(schema_version=1, state=FIELDS | {"note": "?"}), "state.payload.state.note"),
        (of(schema_version=1, state_blob_id="a"), "state.payload.state_blob_id"),
    ],
)
def test_anything_else_is_refused_with_its_path(state: lt.ContinuationState, path: str) -> None:
    with pytest.raises(lt.ValidationError) as raised:
        CODEC.decode(state)
    assert raised.value.path.startswith(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"1"])
def test_a_blob_that_is_no_state_is_refused(content: bytes) -> None:
    store = MemoryBlobStore()
    with pytest.raises(lt.ValidationError, match="state_blob_id"):
        CODEC.decode(of(schema_version=1, state_blob_id=store.put(content)), store)


def test_a_blob_that_is_too_large_is_not_read() -> None:
    store = MemoryBlobStore()
    blob_id = store.put(b'{"names": [' + b" " * 2**24 + b"]}")
    with pytest.raises(lt.ValidationError, match="bytes"):
        CODEC.decode(of(schema_version=1, state_blob_id=blob_id), store)


def test_a_blob_that_is_gone_is_named() -> None:
    store = MemoryBlobStore()
    state = IN_BLOBS.encode(SWING, store)
    (blob_id,) = IN_BLOBS.blob_ids(state)
    store.drop(blob_id)
    with pytest.raises(lt.ValidationError, match="state_blob_id"):
        IN_BLOBS.decode(state, store)


def named(fields: dict[str, Any]) -> dict[str, Any]:
    """As careless as an upgrade may be: what is inside the document is changed in place."""
    fields["angles"].append(0.5)
    fields["names"] = [fields.pop("name")]
    return fields


def in_radians(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "angles": [angle * 2 for angle in fields["angles"]]}


def unnamed(fields: dict[str, Any]) -> dict[str, Any]:
    """The reverse of `named`, as careless."""
    fields["angles"].pop()
    fields["name"] = fields.pop("names")[0]
    return fields


def in_turns(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "angles": [angle / 2 for angle in fields["angles"]]}


THIRD = lt.AttrsCodec("swing.v3", Swing, blob_from=None)
SECOND = THIRD.older("swing.v2", upgrade=in_radians, downgrade=in_turns)
FIRST = SECOND.older("swing.v1", upgrade=named, downgrade=unnamed)


def test_an_older_kind_is_read_step_by_step() -> None:
    old = {"segment_index": 1, "fps": 24, "angles": [1.0], "note": "", "name": "n"}
    first = FIRST.decode(of(schema_version=1, state=old))
    assert first == Swing(1, Fraction(24), (2.0, 1.0), b"", ["n"])
    assert first == FIRST.decode(of(schema_version=1, state=old))
    second = {"segment_index": 1, "fps": 24, "angles": [1.0], "note": "", "names": []}
    state = lt.ContinuationState("swing.v2", {"schema_version": 1, "state": second})
    assert SECOND.decode(state).angles == (2.0,)
    assert [codec.kind for codec in (FIRST, SECOND, THIRD)] == ["swing.v1", "swing.v2", "swing.v3"]


def test_an_older_kind_is_written_as_it_always_was() -> None:
    swing = Swing(1, Fraction(24), (2.0, 1.0), b"", ["n"])
    written = FIRST.encode(swing)
    assert written == of(
        schema_version=1,
        state={"segment_index": 1, "fps": 24, "angles": [1.0], "note": "", "name": "n"},
    )
    for codec in (FIRST, SECOND, THIRD):
        for stored in (codec, codec.evolve(blob_from=0)):
            store = MemoryBlobStore()
            state = stored.encode(swing, store)
            assert state.kind == codec.kind
            assert codec.decode(through_json(state), store) == swing
    with pytest.raises(lt.ValidationError) as refused:
        SECOND.decode(written)
    assert refused.value.path == "state.kind"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"names": ["n", "m"]}, "names"),
        ({"angles": (2.0, 4.0)}, "angles"),
        ({"names": []}, "Index"),
    ],
)
def test_what_an_older_kind_cannot_say_is_not_lost(changed: dict[str, Any], said: str) -> None:
    swing = evolve(Swing(1, Fraction(24), (2.0, 1.0), b"", ["n"]), **changed)
    with pytest.raises(lt.ValidationError, match=rf"^state: .*'swing\.v1'.*{said}"):
        FIRST.encode(swing)
    assert THIRD.decode(THIRD.encode(swing)) == swing


def test_an_old_state_that_cannot_be_upgraded_is_refused() -> None:
    with pytest.raises(lt.ValidationError, match=r"state\.payload\.state: .*kind 'swing\.v1'"):
        FIRST.decode(of(schema_version=1, state={"segment_index": 1}))


def test_an_old_state_that_is_nested_too_deeply_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(2_000):
        deep = [deep]
    with pytest.raises(lt.ValidationError, match=r"kind 'swing\.v1'"):
        FIRST.decode(of(schema_version=1, state={"angles": [], "name": deep}))


@pytest.mark.parametrize(
    "changed", [{"note": b"x" * 2**24}, {"angles": (float("nan"),)}], ids=["16 MiB", "nan"]
)
def test_what_could_not_be_read_again_is_not_written(changed: dict[str, Any]) -> None:
    store = MemoryBlobStore()
    with pytest.raises(lt.ValidationError, match=r"state: .*(bytes|JSON)"):
        IN_BLOBS.encode(evolve(SWING, **changed), store)
    assert "0 blobs" in repr(store)


class Plain:
    """No attrs class."""

    segment_index = 0
    take_defaults: ClassVar[dict[str, Any]] = {}


@frozen
class Timeless:
    segment_index: int


def test_the_class_may_be_named_and_is_imported_when_used() -> None:
    named_codec: lt.AttrsCodec[Swing] = lt.AttrsCodec("swing.v1", f"{__name__}:Swing")
    assert named_codec.state_type is Swing
    assert named_codec.decode(CODEC.encode(SWING)) == SWING
    absent: lt.AttrsCodec[Swing] = lt.AttrsCodec("swing.v1", "longtake_absent:Swing")
    with pytest.raises(lt.PluginError, match="longtake_absent"):
        absent.decode(CODEC.encode(SWING))


@pytest.mark.parametrize("cls", [Plain, Timeless, 3])
def test_a_class_that_is_no_state_is_refused(cls: Any) -> None:
    with pytest.raises(lt.PluginError, match=r"swing\.v1"):
        lt.AttrsCodec("swing.v1", cls)


def test_it_names_the_blob_without_reading_it() -> None:
    assert CODEC.blob_ids(of(schema_version=1, state_blob_id="abc")) == ("abc",)
    with pytest.raises(lt.ValidationError):
        CODEC.blob_ids(of(schema_version=1))


def test_it_says_what_is_in_a_state() -> None:
    store = MemoryBlobStore()
    for state in (CODEC.encode(SWING), IN_BLOBS.encode(SWING, store)):
        summary = CODEC.summarize(state, store)
        assert (summary.schema_version, summary.segment_index) == (1, 3)
        assert {part.name: part.detail for part in summary.parts} == {
            "segment_index": "3",
            "fps": '"24000/1001"',
            "angles": "[0.1, -2.5]",
            "note": '"AP8="',
            "names": '["a"]',
        }
        stored = CODEC.blob_ids(state)
        assert {part.where for part in summary.parts} == {
            f"blob:{stored[0]}" if stored else "inline"
        }
    with pytest.raises(lt.ValidationError, match="state_blob_id"):
        CODEC.summarize(IN_BLOBS.encode(SWING, store))


def test_a_long_field_is_cut_short() -> None:
    (part,) = (
        part
        for part in CODEC.summarize(CODEC.encode(evolve(SWING, names=["a" * 500]))).parts
        if part.name == "names"
    )
    assert part.num_bytes == 504
    assert len(part.detail) < 70
