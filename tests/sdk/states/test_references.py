"""What a state may call a blob, with a store and without one."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake.blobs.memory import MemoryBlobStore

NO_IDS = [
    *("", ".", "..", "a/b", "/etc/passwd", "../../etc/passwd", "C:\\x", "a b", "a\n", "a\0"),
    *("a" * 129, "é", "٣", "\uff41", "file:///x", "a.b", "~a", "%2e", "\ud800", "a:b"),
]


@given(st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True))
def test_an_id_is_up_to_128_letters_digits_hyphens_and_low_lines(blob_id: str) -> None:
    if blob_id.isascii():
        assert lt.check_blob_id(blob_id, "state.payload.x") == blob_id


@pytest.mark.parametrize("value", [*NO_IDS, None, 3, b"a", ["a"], {}])
def test_nothing_else_is_one(value: Any) -> None:
    with pytest.raises(lt.ValidationError, match="must be the id of a blob") as refused:
        lt.check_blob_id(value, "state.payload.x")
    assert refused.value.path == "state.payload.x"


@frozen
class Fog:
    """A state of its own, with nothing in it."""

    density: int = field(default=3, validator=lt.between(0, 9))
    segment_index: int = field(default=0, validator=lt.between(0, 9))

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {}


CODEC = lt.AttrsCodec("fog.v1", Fog, blob_from=0)


@pytest.mark.parametrize("blob_id", NO_IDS)
def test_attrs_codec_refuses_other_ids_with_and_without_a_store(blob_id: str) -> None:
    state = lt.ContinuationState("fog.v1", {"schema_version": 1, "state_blob_id": blob_id})
    listed = {"schema_version": 1, "state": {"density": 3}, "array_blob_ids": [blob_id]}
    for payload, path in ((state.payload, "state_blob_id"), (listed, "array_blob_ids[0]")):
        state = lt.ContinuationState("fog.v1", payload)
        uses = (
            lambda each: CODEC.decode(each),
            lambda each: CODEC.decode(each, MemoryBlobStore()),
            CODEC.blob_ids,
            CODEC.summarize,
        )
        for use in uses:
            with pytest.raises(lt.ValidationError, match="id of a blob") as refused:
                use(state)
            assert refused.value.path == f"state.payload.{path}"


def test_the_ids_of_the_built_in_stores_are_ids() -> None:
    store = MemoryBlobStore()
    state = CODEC.encode(Fog(), store)
    (blob_id,) = CODEC.blob_ids(state)
    assert lt.check_blob_id(blob_id, "x") in store
    assert CODEC.decode(state, store) == Fog()
