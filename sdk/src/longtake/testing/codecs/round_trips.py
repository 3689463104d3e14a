"""What is written is read again: inline, through a store, through JSON."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake.testing.codecs.fixtures import CodecFixtures, Sample
from longtake.testing.codecs.reading import refusal_of
from longtake.testing.codecs.stores import RecordingStore
from longtake.testing.codecs.strategies import SETTINGS
from longtake.testing.codecs.wrong_values import at, path_of, places, replaced
from longtake.testing.complaining import fail_for

__all__ = ["RoundTripContract"]

_TAKE_FIELDS = {"seed", "height", "width", "fps"}


class RoundTripContract(CodecFixtures):
    """States survive being written and read.

    ``IGNORES_UNKNOWN_IN``: objects of the payload, by name, whose unknown fields the format lets
    every reader ignore, because they are about what is rewritten with them.
    """

    IGNORES_UNKNOWN_IN: ClassVar[tuple[str, ...]] = ()

    def test_states_survive_being_written_inline(
        self, codec: lt.ContinuationCodec[Any], typed_states: st.SearchStrategy[Any]
    ) -> None:
        @SETTINGS
        @given(typed_states)
        def check(value: Any) -> None:
            state = lt.ContinuationState.from_json(codec.encode(value).to_json())
            assert self.same(codec.decode(state), value), "decode(encode(state)) is another state"

        check()

    def test_states_survive_being_written_with_a_store(
        self, codec: lt.ContinuationCodec[Any], typed_states: st.SearchStrategy[Any]
    ) -> None:
        @SETTINGS
        @given(typed_states)
        def check(value: Any) -> None:
            store = RecordingStore()
            state = codec.encode(value, store)
            if store.put_ids:  # without, it is the test above
                back = codec.decode(lt.ContinuationState.from_json(state.to_json()), store)
                assert self.same(back, value), "decode(encode(state, blobs), blobs) is another one"

        check()

    def test_payloads_are_plain_json(
        self, codec: lt.ContinuationCodec[Any], typed_states: st.SearchStrategy[Any]
    ) -> None:
        @SETTINGS
        @given(typed_states)
        def check(value: Any) -> None:
            for blobs in (None, RecordingStore()):
                state = codec.encode(value, blobs)
                assert state.kind == codec.kind
                fail_for("only what JSON has may be in a payload", _not_json(state.payload))

        check()

    def test_payloads_say_their_version(self, samples: list[Sample]) -> None:
        for sample in samples:
            version = sample.payload.get("schema_version")
            assert type(version) is int and version >= 1, (
                "a payload needs a 'schema_version', an integer from 1, so that later readers can "
                "tell what they read"
            )

    def test_states_say_where_their_take_is(self, samples: list[Sample]) -> None:
        for sample in samples:
            index, defaults = sample.value.segment_index, sample.value.take_defaults
            assert type(index) is int and index >= 0, "segment_index counts from 0"
            assert set(defaults) <= _TAKE_FIELDS, f"take_defaults may have {sorted(_TAKE_FIELDS)}"

    def test_the_summary_is_of_the_state(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        if not hasattr(codec, "summarize"):
            pytest.skip("the codec does not summarize its states")
        for sample in samples:
            state = lt.ContinuationState(codec.kind, sample.payload)
            summary = codec.summarize(state, sample.blobs)
            assert isinstance(summary, lt.StateSummary)
            assert summary.schema_version == sample.payload["schema_version"]
            assert summary.segment_index == sample.value.segment_index
            assert all(isinstance(part, lt.StatePart) for part in summary.parts)

    def test_decoding_does_not_change_the_document(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        for sample in samples:
            payload = copy.deepcopy(sample.payload)
            before = None if sample.blobs is None else sample.blobs.contents()
            codec.decode(lt.ContinuationState(codec.kind, payload), sample.blobs)
            codec.blob_ids(lt.ContinuationState(codec.kind, payload))
            assert payload == sample.payload, "decode or blob_ids changed the payload it was given"
            assert before is None or sample.blobs is None or before == sample.blobs.contents()

    def test_unknown_fields_survive_or_are_refused(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        lost: list[str] = []
        ignored = {(name,) for name in self.IGNORES_UNKNOWN_IN}
        for sample in samples:
            if sample.blobs is not None:
                continue
            for place in [(), *places(sample.payload)]:
                if place[:1] not in ignored and isinstance(at(sample.payload, place), dict):
                    lost += _lost(codec, sample.payload, (*place, "x_unknown"))
        fail_for("a field that the codec does not know must be kept or refused", lost)


def _not_json(value: Any, path: str = "payload") -> Iterator[str]:
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                yield f"{path} has the key {key!r}"
            yield from _not_json(item, f"{path}.{key}")
    elif kind is list:
        for index, item in enumerate(value):
            yield from _not_json(item, f"{path}[{index}]")
    elif kind is float and not math.isfinite(value):
        yield f"{path} is {value!r}"
    elif value is not None and kind not in (str, int, float, bool):
        yield f"{path} is a {kind.__name__}"


def _lost(codec: lt.ContinuationCodec[Any], payload: Any, place: Any) -> list[str]:
    """Whether the unknown field at ``place`` is neither refused nor written again."""
    added = {"kept": [1, "two"]}
    state = lt.ContinuationState(codec.kind, _replaced_or_added(payload, place, added))
    if refusal_of(codec, state) is not None:
        return []
    again = codec.encode(codec.decode(state)).payload
    try:
        found = at(again, place)
    except (LookupError, TypeError):
        return [f"{path_of(place)} is lost"]
    return [] if found == added else [f"{path_of(place)} is changed to {found!r}"]


def _replaced_or_added(payload: Any, place: Any, value: Any) -> Any:
    """``payload`` with ``value`` at ``place``, whose object need not have such a field."""
    parent = at(payload, place[:-1])
    return replaced(payload, place[:-1], {**parent, place[-1]: value})
