"""The kinds of a family's states: a codec for each, all over one typed state."""

from __future__ import annotations

from typing import Any

import pytest

import longtake as lt
from longtake.testing.codecs.fixtures import CodecFixtures
from longtake.testing.codecs.reading import refusal_of
from longtake.testing.families.fixtures import FamilyFixtures
from longtake.testing.families.trying import TriedFamily, same_segment

__all__ = ["KindContract"]


class KindContract(FamilyFixtures, CodecFixtures):
    """What one codec of a family has read, every other one can write."""

    def test_the_codecs_share_one_typed_state(self, tried: TriedFamily) -> None:
        codec, family = tried.codec, tried.family
        others = [each.kind for each in family.codecs if each.state_type is not codec.state_type]
        assert not others, (
            f"the codecs of {', '.join(others)} have another typed state than {codec.kind}"
        )

    def test_a_state_written_as_each_kind_is_read_back(self, tried: TriedFamily) -> None:
        for state in _states(tried):
            value = tried.codec.decode(state)
            for codec in tried.family.codecs:
                assert self._is_kept(codec, value), f"as {codec.kind} a state is another one"

    def test_a_take_goes_on_the_same_from_each_kind(self, tried: TriedFamily) -> None:
        tried.needs_same("first_again", "second_again")
        first = _states(tried)[0]
        for codec in _others(tried):
            written = _encoded(codec, tried.codec.decode(first))
            if written is None:
                continue
            again = tried.pipeline.generate(tried.continuing(written))
            different = same_segment(tried.second, again)
            assert not different, f"after a state of kind {codec.kind}, {different} differs"

    def test_a_request_chooses_the_kind(self, tried: TriedFamily) -> None:
        value = tried.codec.decode(_states(tried)[0])
        for codec in _others(tried):
            if _encoded(codec, value) is None:
                continue
            state = tried.pipeline.generate(tried.opening(state_kind=codec.kind)).state
            assert state is not None and state.kind == codec.kind, (
                f"a state was asked for as {codec.kind} and is not"
            )
            assert refusal_of(codec, state) is None

    def _is_kept(self, codec: lt.ContinuationCodec[Any], value: Any) -> bool:
        """Whether the state is read back, or refused because the kind cannot say it."""
        state = _encoded(codec, value)
        if state is None:
            return True
        assert state.kind == codec.kind, f"the codec of {codec.kind} writes {state.kind}"
        return self.same(codec.decode(lt.ContinuationState.from_json(state.to_json())), value)


def _states(tried: TriedFamily) -> list[lt.ContinuationState]:
    tried.codec  # noqa: B018  # skips a family without states
    states = [each.state for each in (tried.first, tried.second)]
    return [state for state in states if state is not None]


def _others(tried: TriedFamily) -> list[lt.ContinuationCodec[Any]]:
    others = list(tried.family.codecs[1:])
    if not others:
        pytest.skip("the family has states of one kind")
    return others


def _encoded(codec: lt.ContinuationCodec[Any], value: Any) -> lt.ContinuationState | None:
    """The state, or None where the kind cannot say it."""
    try:
        return codec.encode(value)
    except lt.ValidationError:
        return None
