"""Damaged and hostile states: refused with the documented errors, in bounded time and memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st

import longtake as lt
from longtake.testing.codecs import damaged_documents, wrong_values
from longtake.testing.codecs.fixtures import CodecFixtures, Sample
from longtake.testing.codecs.reading import Reader, refusal_of
from longtake.testing.codecs.strategies import SETTINGS, json_values
from longtake.testing.codecs.wrong_values import Damaged, Place, places, replaced
from longtake.testing.complaining import fail_for
from longtake.testing.hanging import each_in_time, in_time

__all__ = ["RefusalContract"]

_RULE = "damaged states are refused with a ValidationError whose path begins with 'state'"
_VERSION = "schema_version"
_ROOM, _TIMES = 32 * 2**20, 50


class RefusalContract(CodecFixtures):
    """States that are not what was written. ``MANY``: items of the longest lists and texts."""

    MANY: ClassVar[int] = 1_000_000

    def test_another_kind_is_refused(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        for kind in (f"{codec.kind}x", "", codec.kind.upper() + " "):
            state = lt.ContinuationState(kind, samples[0].payload)
            error = refusal_of(codec, state, samples[0].blobs)
            assert isinstance(error, lt.ValidationError), f"the kind {kind!r} is not refused"
            assert error.path == "state.kind", f"the path is {error.path!r}, not 'state.kind'"

    def test_other_versions_are_refused(self, reader: Reader, samples: list[Sample]) -> None:
        current = samples[0].payload.get(_VERSION)
        newer = [current + 1] if type(current) is int else []
        wrong = [
            f"{_VERSION} {version!r} {complaint}"
            for sample in samples
            for version in (*wrong_values.BAD_VERSIONS, *newer)
            if (complaint := reader.refused({**sample.payload, _VERSION: version}, sample.blobs))
        ]
        fail_for("a version that the codec has never written is refused", wrong)

    def test_missing_fields_are_refused_or_have_a_default(
        self, reader: Reader, samples: list[Sample]
    ) -> None:
        self._check(reader, samples, damaged_documents.without_each)

    def test_fields_of_another_type_are_refused(
        self, reader: Reader, samples: list[Sample]
    ) -> None:
        self._check(reader, samples, damaged_documents.with_other_types)

    def test_odd_texts_are_refused_or_kept(self, reader: Reader, samples: list[Sample]) -> None:
        self._check(
            reader, samples, partial(damaged_documents.with_texts, texts=wrong_values.ODD_TEXTS)
        )

    def test_numbers_that_json_does_not_have_are_refused(
        self, reader: Reader, samples: list[Sample]
    ) -> None:
        for sample in samples:
            changed = list(damaged_documents.with_values(sample.payload, wrong_values.NO_NUMBERS))
            wrong = each_in_time(changed, partial(_accepted, reader, sample))
            fail_for("NaN and infinity are not JSON; they are refused everywhere", wrong)

    def test_extreme_numbers_are_refused_or_kept(
        self, reader: Reader, samples: list[Sample]
    ) -> None:
        self._check(reader, samples, damaged_documents.with_extreme_numbers)

    def test_numbers_without_a_bound_are_refused(
        self, reader: Reader, samples: list[Sample]
    ) -> None:
        inline = [sample for sample in samples if sample.blobs is None]
        wrong = [
            f"{damaged} {complaint}"
            for sample in inline
            for damaged in damaged_documents.with_absurd_numbers(sample.payload)
            if not _is_open(reader, sample, damaged.place)
            if (complaint := reader.refused(damaged.payload))
        ]
        fail_for("every number of a state has bounds (longtake.between)", wrong)

    def test_big_values_are_refused_or_kept(self, reader: Reader, samples: list[Sample]) -> None:
        self._check(reader, samples[:1], partial(damaged_documents.with_big_values, many=self.MANY))

    def test_memory_is_bounded_by_the_document(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        for sample in samples:
            length = len(str(sample.payload)) + _stored_bytes(sample)
            changed = [
                *damaged_documents.with_extreme_numbers(sample.payload),
                *damaged_documents.with_big_sizes(sample.payload),
            ]
            limit = _ROOM + _TIMES * length

            def greedy(damaged: Damaged, sample: Sample = sample, limit: int = limit) -> str | None:
                state = lt.ContinuationState(codec.kind, damaged.payload)
                peak = _peak(lambda: refusal_of(codec, state, sample.blobs))
                return f"took {peak / 2**20:.0f} MiB" if peak > limit else None

            rule = "what a document says must be bounded before anything of that size is made"
            with _traced():
                complaints = each_in_time(changed, greedy)
            fail_for(rule, complaints)

    def test_nothing_is_unpickled(
        self, codec: lt.ContinuationCodec[Any], samples: list[Sample]
    ) -> None:
        data, texts = wrong_values.pickles()
        loaded = []
        for sample in samples:
            for changed in damaged_documents.with_texts(sample.payload, texts):
                wrong_values.SUNG.clear()
                refusal_of(codec, _state_of(codec, changed.payload), sample.blobs)
                loaded += [changed.place] if wrong_values.SUNG else []
            for store in damaged_documents.stores_with(
                sample, lambda _: [data, *(t.encode() for t in texts[:3])]
            ):
                wrong_values.SUNG.clear()
                refusal_of(codec, _state_of(codec, sample.payload), store)
                loaded += [("a blob",)] if wrong_values.SUNG else []
        fail_for("a pickle in a state runs whatever code its writer likes", loaded)

    def test_damaged_blobs_are_refused(
        self, codec: lt.ContinuationCodec[Any], reader: Reader, samples: list[Sample]
    ) -> None:
        wrong = [
            complaint
            for sample in samples
            for store in damaged_documents.stores_with(sample, damaged_documents.damaged)
            if (complaint := reader.refused(sample.payload, store))
        ]
        fail_for("a blob that is cut off or something else is refused", wrong)

    def test_flipped_bits_in_blobs_are_refused_or_harmless(
        self, reader: Reader, samples: list[Sample]
    ) -> None:
        wrong = [
            complaint
            for sample in samples
            for store in damaged_documents.stores_with(sample, damaged_documents.flipped)
            if (complaint := reader.complaint(Damaged((), "", sample.payload), None, store))
        ]
        fail_for("another bit in a blob is refused, or the state of a blob that could be", wrong)

    def test_swapped_blobs_are_refused_or_harmless(
        self, codec: lt.ContinuationCodec[Any], reader: Reader, samples: list[Sample]
    ) -> None:
        wrong = []
        for sample in samples:
            if sample.blobs is None or len(set(sample.blobs.put_ids)) < 2:
                continue
            contents = sample.blobs.contents()
            first, *others = contents.values()
            sample.blobs.damaged = dict(zip(contents, [*others, first], strict=True))
            complaint = reader.complaint(Damaged((), "", sample.payload), None, sample.blobs)
            sample.blobs.damaged = {}
            wrong += [complaint] if complaint else []
        fail_for("blobs in each other's place are refused, or states that could be", wrong)

    def test_any_payload_is_refused_or_kept(self, reader: Reader, samples: list[Sample]) -> None:
        payload, original = samples[0].payload, samples[0].value
        somewhere = list(places(payload))

        @SETTINGS
        @given(st.sampled_from([(), *somewhere]), json_values)
        def check(place: Place, value: Any) -> None:
            whole = replaced(payload, place, value) if place else value
            if place == (_VERSION,):
                return  # has a test of its own
            document = whole if isinstance(whole, dict) else {"x": whole}
            complaint = reader.complaint(Damaged((), "", document), original)
            assert complaint is None, f"{document!r:.300} {complaint}"

        in_time(check, lambda: "reading random documents")

    def test_payloads_of_another_type_are_refused(self, reader: Reader) -> None:
        others: list[Any] = [None, [], "x", 7, True, [{}], {1: 2}, {"schema_version": []}]
        wrong = [f"{each!r} {c}" for each in others if (c := reader.refused(each))]
        fail_for(_RULE, wrong)

    def _check(self, reader: Reader, samples: list[Sample], damages: Any) -> None:
        for sample in samples:
            check = partial(reader.complaint, original=sample.value, blobs=sample.blobs)
            fail_for(_RULE, each_in_time(damages(sample.payload), check))


def _is_open(reader: Reader, sample: Sample, place: Place) -> bool:
    """Whether others keep what they like in this place, so that no bound is right."""
    anything = replaced(sample.payload, place, {"any": ["thing"]})
    return refusal_of(reader.codec, reader.state(anything)) is None


def _accepted(reader: Reader, sample: Sample, damaged: Damaged) -> str | None:
    return reader.refused(damaged.payload, sample.blobs)


def _state_of(codec: lt.ContinuationCodec[Any], payload: Any) -> lt.ContinuationState:
    """A state of the codec's kind with this payload."""
    return lt.ContinuationState(codec.kind, payload)


def _stored_bytes(sample: Sample) -> int:
    return 0 if sample.blobs is None else sum(map(len, sample.blobs.contents().values()))


def _peak(work: Any) -> int:
    """Bytes that Python and NumPy had more, at most at one time, while ``work`` ran."""
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    work()
    return tracemalloc.get_traced_memory()[1] - before


@contextmanager
def _traced() -> Iterator[None]:
    gc.collect()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
