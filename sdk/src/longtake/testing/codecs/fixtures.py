"""What the tests of a codec share: the codec, its states, and documents of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import frozen
from hypothesis import strategies as st

import longtake as lt
from longtake.testing.codecs.comparing import same
from longtake.testing.codecs.reading import Reader
from longtake.testing.codecs.stores import RecordingStore
from longtake.testing.codecs.strategies import examples_of, states_of

__all__ = ["CodecFixtures", "Sample"]

_DRAWN, _KEPT = 24, 2


@frozen
class Sample:
    """A typed state and what was written of it: inline, or with a store when it uses one."""

    value: Any
    payload: dict[str, Any]
    blobs: RecordingStore | None = None

    def __str__(self) -> str:
        return "with a store" if self.blobs is not None else "inline"


class CodecFixtures:
    """The fixtures of `CodecContract`; ``codec`` is the author's to fill."""

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        """The codec under test."""
        pytest.fail("fill the fixture `codec`: it returns the codec under test")

    @pytest.fixture
    def typed_states(self, codec: lt.ContinuationCodec[Any]) -> st.SearchStrategy[Any]:
        """A hypothesis strategy of typed states, by default made from the state class's fields."""
        try:
            return states_of(codec.state_type)
        except lt.PluginError as error:
            pytest.fail(f"fill the fixture `typed_states` with a strategy of typed states: {error}")

    @pytest.fixture
    def reader(self, codec: lt.ContinuationCodec[Any]) -> Reader:
        """Reads documents with the codec and says what is wrong with what becomes of them."""
        return Reader(codec, self.same)

    @pytest.fixture
    def samples(
        self, codec: lt.ContinuationCodec[Any], typed_states: st.SearchStrategy[Any]
    ) -> list[Sample]:
        """The states that say the most, written inline and, if that differs, with a store."""
        drawn = examples_of(typed_states, _DRAWN)
        drawn.sort(key=lambda value: len(codec.encode(value).to_json()), reverse=True)
        return [sample for value in drawn[:_KEPT] for sample in self._written(codec, value)]

    def same(self, one: Any, other: Any) -> bool:
        """Whether two typed states are the same. Override it when their fields do not say."""
        return same(one, other)

    def _written(self, codec: lt.ContinuationCodec[Any], value: Any) -> Iterator[Sample]:
        yield Sample(value, _as_read(codec.encode(value)))
        store = RecordingStore()
        state = codec.encode(value, store)
        if store.put_ids:
            yield Sample(value, _as_read(state), store)


def _as_read(state: lt.ContinuationState) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(state.to_json())["payload"]
    return payload
