"""Arrays in the states of the ready-made codec."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from attrs import cmp_using, evolve, field, frozen, validators
from hypothesis import given
from numpy.typing import NDArray
from safetensors.numpy import save

import longtake as lt
from longtake.blobs.memory import MemoryBlobStore
from longtake.testing import CodecContract

EQUAL: Any = cmp_using(eq=np.array_equal)


@frozen
class Cloud:
    seen: NDArray[np.bool_] = field(validator=lt.array("bool", (3,), most=3), eq=EQUAL)


@frozen
class Fog:
    segment_index: int = field(validator=lt.between(0, 2**53))
    grain: NDArray[np.float32] = field(
        validator=lt.array("float32", (None, 2), most=64, low=-1, high=1), eq=EQUAL
    )
    counts: NDArray[np.int64] | None = field(
        default=None,
        validator=validators.optional(lt.array("int64", (), most=1)),
        eq=EQUAL,
    )
    clouds: tuple[Cloud, ...] = ()

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {}


def every_other(grain: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same values, as a view of an array twice as wide."""
    return np.repeat(grain, 2, axis=1)[:, ::2]


def fogs() -> st.SearchStrategy[Fog]:
    numbers = st.floats(-1, 1, width=32)
    rows = st.lists(st.tuples(numbers, numbers), max_size=5)
    grains = st.builds(
        lambda rows, laid: laid(np.array(rows, np.float32).reshape(-1, 2)),
        rows,
        st.sampled_from((np.asfortranarray, every_other, np.ascontiguousarray)),
    )
    counts = st.none() | st.integers(-(2**63), 2**63 - 1).map(lambda n: np.array(n, np.int64))
    clouds = st.lists(st.booleans(), min_size=3, max_size=3).map(lambda s: Cloud(np.array(s)))
    return st.builds(Fog, st.integers(0, 2**53), grains, counts, st.lists(clouds).map(tuple))


CODEC = lt.AttrsCodec("fog.v1", Fog)
STORED = CODEC.evolve(array_blob_from=0)
ALL_STORED = STORED.evolve(blob_from=0)
GRAIN = np.array([[0.5, -1], [0.25, 1], [0, 0]], np.float32)
FOG = Fog(2, GRAIN, np.array(7), (Cloud(np.array([True, False, True])),))


def through_json(state: lt.ContinuationState) -> lt.ContinuationState:
    return lt.ContinuationState.from_json(state.to_json())


def same(one: Fog, other: Fog) -> bool:
    arrays = zip(
        [one.grain, one.counts, *(cloud.seen for cloud in one.clouds)],
        [other.grain, other.counts, *(cloud.seen for cloud in other.clouds)],
        strict=True,
    )
    return one.segment_index == other.segment_index and all(
        (a is b is None) or (a.dtype == b.dtype and a.tobytes() == b.tobytes())  # type: ignore[union-attr]
        for a, b in arrays
    )


@given(fogs())
def test_what_was_written_is_read_bit_for_bit(fog: Fog) -> None:
    assert same(CODEC.decode(through_json(CODEC.encode(fog))), fog)
    for codec in (STORED, ALL_STORED):
        store = MemoryBlobStore()
        state = through_json(codec.encode(fog, store))
        assert same(codec.decode(state, store), fog)
        assert all(blob_id in store for blob_id in codec.blob_ids(state))
        count = 1 + (fog.counts is not None) + len(fog.clouds) + (codec is ALL_STORED)
        assert len(codec.blob_ids(state)) == count


class TestInlineArrays(CodecContract):
    MANY = 100_000

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return CODEC

    @pytest.fixture
    def typed_states(self) -> st.SearchStrategy[Any]:
        return fogs()


class TestArraysInBlobs(TestInlineArrays):
    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return STORED


class TestAllInBlobs(TestInlineArrays):
    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return ALL_STORED


def test_an_array_is_a_safetensors_file_with_what_it_is_and_its_digest() -> None:
    file = save({"t": GRAIN})
    document = {
        "dtype": "float32",
        "shape": [3, 2],
        "sha256": hashlib.sha256(file).hexdigest(),
        "safetensors": base64.b64encode(file).decode(),
    }
    assert CODEC.encode(FOG).payload["state"]["grain"] == document
    store = MemoryBlobStore()
    state = CODEC.evolve(array_blob_from=len(file)).encode(FOG, store)
    (blob_id,) = CODEC.blob_ids(state)
    del document["safetensors"]
    assert state.payload["state"]["grain"] == document | {"blob": 0}
    assert store.get(blob_id) == file
    assert CODEC.blob_ids(CODEC.evolve(array_blob_from=len(file) + 1).encode(FOG, store)) == ()
    assert CODEC.blob_ids(CODEC.evolve(array_blob_from=None).encode(FOG, store)) == ()


def document_of(values: NDArray[Any], **changed: Any) -> dict[str, Any]:
    file = save({"t": values})
    return {
        "dtype": str(values.dtype),
        "shape": [*values.shape],
        "sha256": hashlib.sha256(file).hexdigest(),
        "safetensors": base64.b64encode(file).decode(),
        **changed,
    }


NAN = np.array([[np.nan, 0]], np.float32)
INFINITE = np.array([[-np.inf, 0]], np.float32)


@pytest.mark.parametrize(
    ("grain", "path", "said"),
    [
        (document_of(GRAIN.astype(np.float64)), ".dtype", "float32"),
        (document_of(GRAIN, dtype="float16"), ".dtype", "float32"),
        (document_of(GRAIN[:, :1]), ".shape", "[any, 2]"),
        (document_of(GRAIN, shape=[2, 2]), "", "does not hold"),
        (document_of(GRAIN, shape=[4, 2]), "", "does not hold"),
        (document_of(GRAIN, shape=[60, 2]), ".shape", "elements"),
        (document_of(GRAIN, shape=[32, 2]), ".safetensors", "bytes"),
        (document_of(GRAIN, shape=[10**30, 2]), ".shape", "elements"),
        (document_of(GRAIN, shape=[-3, 2]), ".shape", "sizes"),
        (document_of(GRAIN, shape=[True, 2]), ".shape", "sizes"),
        (document_of(np.zeros((33, 2), np.float32)), ".shape", "64 elements"),
        (document_of(GRAIN, sha256="0" * 64), ".sha256", "digest"),
        (document_of(GRAIN, safetensors="A" * 10**6), ".safetensors", "base64"),
        (document_of(GRAIN, safetensors="?"), ".safetensors", "base64"),
        (document_of(GRAIN, blob=0), "", "either"),
        (document_of(GRAIN, more=1), "", "either"),
        (document_of(NAN), "", "NaN"),
        (document_of(INFINITE), "", "NaN"),
        (document_of(np.array([[3, 0]], np.float32)), "", "at most 1"),
        (document_of(np.array([[0, -3]], np.float32)), "", "at least -1"),
        (None, "", "an array"),
        ([[0.5, 1]], "", "must be an array"),
    ],
)
def test_any_other_array_is_refused_with_its_path(grain: Any, path: str, said: str) -> None:
    fields = CODEC.encode(FOG).payload["state"] | {"grain": grain}
    state = lt.ContinuationState("fog.v1", {"schema_version": 1, "state": fields})
    with pytest.raises(lt.ValidationError) as refused:
        CODEC.decode(state)
    assert refused.value.path == f"state.payload.state.grain{path}"
    assert said in refused.value.problem


def other_file(name: str) -> bytes:
    """A file of another tensor, or of two, whose size would fit."""
    return bytes(save({name: GRAIN}))


def test_a_file_with_its_own_digest_must_still_be_the_array() -> None:
    swapped = save({"t": np.ascontiguousarray(GRAIN.T)})
    for file in (other_file("u"), swapped, b"\xff" * 100):
        changed = document_of(
            GRAIN,
            sha256=hashlib.sha256(file).hexdigest(),
            safetensors=base64.b64encode(file).decode(),
        )
        fields = CODEC.encode(FOG).payload["state"] | {"grain": changed}
        with pytest.raises(lt.ValidationError, match=r"state\.payload\.state\.grain: "):
            CODEC.decode(lt.ContinuationState("fog.v1", {"schema_version": 1, "state": fields}))


@pytest.mark.parametrize("index", [-1, 3, True, "0", None, 1])
def test_an_array_has_one_of_the_blobs_and_none_is_left(index: Any) -> None:
    store = MemoryBlobStore()
    payload = STORED.encode(FOG, store).payload
    payload["state"]["grain"]["blob"] = index
    with pytest.raises(lt.ValidationError, match=r"state\.payload\.state\.(grain|counts)"):
        STORED.decode(lt.ContinuationState("fog.v1", payload), store)
    payload["state"]["grain"]["blob"] = 0
    more = {**payload, "array_blob_ids": [*payload["array_blob_ids"], store.put(b"")]}
    with pytest.raises(lt.ValidationError, match="array_blob_ids"):
        STORED.decode(lt.ContinuationState("fog.v1", more), store)


def test_a_blob_that_is_gone_or_not_given_is_named() -> None:
    store = MemoryBlobStore()
    state = STORED.encode(FOG, store)
    with pytest.raises(lt.ValidationError, match=r"array_blob_ids\[0\]: .*--blobs"):
        STORED.decode(state)
    store.drop(STORED.blob_ids(state)[0])
    with pytest.raises(lt.ValidationError, match=r"array_blob_ids\[0\]: .*not in the blob store"):
        STORED.decode(state, store)


def test_a_state_that_cannot_be_written_leaves_no_blob() -> None:
    store = MemoryBlobStore()
    fog = evolve(FOG)
    fog.grain[0, 0] = 2  # an array can be changed after it was checked
    try:
        with pytest.raises(lt.ValidationError, match=r"state\.grain: .*at most 1"):
            STORED.encode(fog, store)
    finally:
        fog.grain[0, 0] = 0.5
    assert "0 blobs" in repr(store)


@pytest.mark.parametrize(
    "value",
    [
        [[0.5, 1]],
        GRAIN.astype(np.float64),
        GRAIN.astype(">f4"),
        GRAIN[0],
        NAN,
        np.zeros((33, 2), np.float32),
        None,
    ],
)
def test_the_validator_refuses_what_could_not_be_written(value: Any) -> None:
    with pytest.raises(lt.ValidationError, match="^grain: "):
        Fog(0, value)


def test_arrays_that_were_read_cannot_be_changed() -> None:
    assert not CODEC.decode(CODEC.encode(FOG)).grain.flags.writeable


def test_a_summary_says_what_an_array_is_and_where() -> None:
    store = MemoryBlobStore()
    state = STORED.encode(FOG, store)
    parts = {part.name: part for part in STORED.summarize(state, store).parts}
    assert parts["grain"].detail == "float32 [3, 2]"
    assert parts["grain"].num_bytes == 24
    assert parts["grain"].where == f"blob:{STORED.blob_ids(state)[0]}"
    assert parts["segment_index"].where == "inline"
    assert all(part.where == "inline" for part in CODEC.summarize(CODEC.encode(FOG)).parts[:3])


def without_grain(fields: dict[str, Any]) -> dict[str, Any]:
    del fields["grain"]
    return fields


def with_grain(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "grain": document_of(GRAIN)}


def test_kinds_before_may_have_other_arrays() -> None:
    older = STORED.older("fog.v0", upgrade=with_grain, downgrade=without_grain)
    store = MemoryBlobStore()
    state = older.encode(FOG, store)
    assert "grain" not in state.payload["state"]
    assert same(older.decode(through_json(state), store), FOG)
    with pytest.raises(lt.ValidationError, match="cannot say its grain"):
        older.encode(evolve(FOG, grain=GRAIN[:1]), store)


@frozen
class Loose:
    segment_index: int
    grain: NDArray[np.float32]
    take_defaults: Any = None


@frozen
class Deep:
    segment_index: int
    inner: tuple[Loose | None, ...]
    take_defaults: Any = None


@frozen
class Hidden:
    segment_index: int
    grain: Any
    take_defaults: Any = None


@pytest.mark.parametrize(
    ("state", "where"),
    [
        (Loose(0, GRAIN), "Loose.grain"),
        (Deep(0, (Loose(0, GRAIN),)), "Loose.grain"),
        (Hidden(0, GRAIN), "Hidden.grain"),
        (Hidden(0, [{"a": GRAIN}]), r"Hidden.grain\[0\].a"),
    ],
)
def test_an_array_that_is_not_declared_is_named(state: Any, where: str) -> None:
    codec: lt.AttrsCodec[Any] = lt.AttrsCodec("fog.v1", type(state))
    with pytest.raises(lt.PluginError, match=rf"{where} .*lt\.array\("):
        codec.encode(state)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: lt.array("complex64", (2,), most=2),
        lambda: lt.array("float32", [2], most=2),  # type: ignore[arg-type]
        lambda: lt.array("float32", (-1,), most=2),
        lambda: lt.array("float32", (2,), most=1),
        lambda: lt.array("float32", (2,), most=0),
        lambda: lt.array("float32", (2,), most=2, low=float("nan")),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(declare: Any) -> None:
    with pytest.raises(lt.PluginError, match="^array: .*"):
        declare()
