"""What a state says of the blobs that it is written with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake.testing.codecs.fixtures import CodecFixtures, Sample
from longtake.testing.codecs.reading import Reader, refusal_of
from longtake.testing.codecs.stores import RecordingStore
from longtake.testing.codecs.strategies import SETTINGS
from longtake.testing.codecs.wrong_values import at, path_of, replaced
from longtake.testing.complaining import fail_for

__all__ = ["BlobContract"]


class BlobContract(CodecFixtures):
    """A state that uses a store says what it uses."""

    def test_blob_ids_name_the_blobs_that_were_put(
        self, codec: lt.ContinuationCodec[Any], typed_states: st.SearchStrategy[Any]
    ) -> None:
        @SETTINGS
        @given(typed_states)
        def check(value: Any) -> None:
            store = RecordingStore()
            state = codec.encode(value, store)
            assert sorted(codec.blob_ids(state)) == sorted(store.put_ids)
            assert sorted(codec.blob_ids(codec.encode(value))) == []

        check()

    def test_decoding_reads_only_the_blobs_that_blob_ids_names(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        for sample in _stored(samples):
            assert sample.blobs is not None
            sample.blobs.got_ids.clear()
            refusal_of(codec, lt.ContinuationState(codec.kind, sample.payload), sample.blobs)
            unnamed = set(sample.blobs.got_ids) - set(sample.blobs.put_ids)
            assert not unnamed, "decode asked the store for what blob_ids does not name"

    def test_what_is_no_id_is_refused_with_and_without_a_store(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        wrong = []
        for sample in _stored(samples):
            state = lt.ContinuationState(codec.kind, sample.payload)
            for place in _references(codec, state):
                for no_id in _NO_IDS:
                    payload = replaced(sample.payload, place, no_id)
                    damaged = lt.ContinuationState(codec.kind, payload)
                    for blobs in (None, sample.blobs):
                        if not _names(refusal_of(codec, damaged, blobs), place):
                            wrong.append(f"{path_of(place)}: {no_id!r:.20} was decoded")
                    if not _names(_refused(codec.blob_ids, damaged), place):
                        wrong.append(f"{path_of(place)}: blob_ids gave {no_id!r:.20}")
        fail_for("an id is checked (longtake.check_blob_id) before anybody is given it", wrong)

    def test_a_missing_blob_is_named(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        wrong = [
            f"{path_of(place)}: {error!r}"
            for sample in _stored(samples)
            for place, _, error in _with_each_missing(codec, sample)
            if not _names(error, place)
        ]
        fail_for("a blob that is not there is named by the path of its reference", wrong)

    def test_errors_keep_blob_ids_secret(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        told = [
            path_of(place)
            for sample in _stored(samples)
            for place, missing, error in _with_each_missing(codec, sample)
            if missing in str(error)
        ]
        fail_for("who knows a whole id may read the blob, so no message has one", told)

    def test_without_its_store_a_state_is_refused_or_keeps_its_references(
        self, codec: lt.ContinuationCodec[Any], reader: Reader, samples: list[Sample]
    ) -> None:
        for sample in _stored(samples):
            state = lt.ContinuationState(codec.kind, sample.payload)
            if reader.refused(sample.payload) is None:
                continue
            again = codec.encode(codec.decode(state))
            assert sorted(codec.blob_ids(again)) == sorted(codec.blob_ids(state)), (
                "without the blob store the state was read, but the references to it were lost"
            )


_NO_IDS = ("", "..", "../../etc/passwd", "/etc/passwd", "a b", "a\0", "a" * 129, "\u0661")


def _refused(use: Callable[[lt.ContinuationState], object], state: Any) -> Exception | None:
    try:
        use(state)
    except lt.ValidationError as error:
        return error
    return None


def _stored(samples: list[Sample]) -> list[Sample]:
    stored = [sample for sample in samples if sample.blobs is not None]
    if not stored:
        pytest.skip("the codec puts none of these states into a store")
    return stored


def _with_each_missing(
    codec: lt.ContinuationCodec[Any], sample: Sample
) -> Iterator[tuple[Any, str, Exception | None]]:
    """Where a blob is missing, its id, and what decoding then raises; for each reference."""
    state = lt.ContinuationState(codec.kind, sample.payload)
    for place in _references(codec, state):
        store = RecordingStore()
        missing = store.put(b"something else")
        partly = replaced(sample.payload, place, missing)
        error = refusal_of(codec, lt.ContinuationState(codec.kind, partly), sample.blobs)
        yield place, missing, error


def _references(codec: lt.ContinuationCodec[Any], state: lt.ContinuationState) -> Iterator[Any]:
    """Where the payload names its blobs."""
    ids = set(codec.blob_ids(state))
    for place in _all_places(state.payload):
        value = at(state.payload, place)
        if isinstance(value, str) and value in ids:
            yield place


def _all_places(value: Any, above: Any = ()) -> Iterator[Any]:
    items: Any = enumerate(value) if isinstance(value, list) else ()
    for key, item in value.items() if isinstance(value, dict) else items:
        yield (*above, key)
        yield from _all_places(item, (*above, key))


def _names(error: Exception | None, place: Any) -> bool:
    """Whether the error's path is the reference's, or that of what it is in."""
    if isinstance(error, lt.BlobNotFound):
        return True
    if not isinstance(error, lt.ValidationError):
        return False
    return error.path != "state.payload" and path_of(place).startswith(error.path)
