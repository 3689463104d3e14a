"""The contract: what was put is there, whole and unchanged, until it is dropped."""

from __future__ import annotations

import random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import (
    AnyStore,
    absent_id,
    content_of,
    look_ups,
    noise,
    of_its_own,
    same,
    skip,
)

__all__ = ["BasicsContract"]

SIZES = (1, 2**16 - 1, 2**16, 2**16 + 1, 2**20, 5 * 2**20 + 1, 2**24, 65 * 2**20)


class BasicsContract(BlobStoreFixtures):
    """Put, get, drop and ``in``, one at a time."""

    def test_it_is_a_blob_store(self, store: AnyStore) -> None:
        assert isinstance(store, lt.BlobStore)

    @pytest.mark.parametrize("size", SIZES)
    def test_get_gives_what_put_took(self, store: AnyStore, size: int) -> None:
        if size > min(self.largest, self.max_size or size):
            skip("larger than `largest` or `max_size`")
        data = noise(size)
        blob_id = store.put(data)
        for time in ("first", "second"):
            same = bytes(store.get(blob_id)) == data  # pytest would explain 65 MiB at length
            assert same, f"other bytes came back the {time} time"

    def test_an_empty_blob_is_a_blob(self, store: AnyStore) -> None:
        assert same(content_of(store, store.put(b"")), b"")
        assert same(content_of(store, store.put([])), b"")
        assert same(content_of(store, store.put(iter([b"", b""]))), b"")

    def test_get_gives_bytes_or_a_view_of_bytes(self, store: AnyStore) -> None:
        got = store.get(store.put(b"abc"))
        assert isinstance(got, bytes | memoryview)
        view = memoryview(got)
        assert (view.ndim, view.itemsize, view.contiguous) == (1, 1, True)

    def test_what_get_gives_cannot_be_written(self, store: AnyStore) -> None:
        for data in (b"abc", bytearray(b"abc"), noise(300_000)):
            assert memoryview(store.get(store.put(data))).readonly

    def test_the_input_may_change_after_put(self, store: AnyStore) -> None:
        for size in (4, 300_000):
            data = bytearray(noise(size))
            ids = [store.put(data), store.put(memoryview(data)), store.put([data])]
            before = [bytes(store.get(blob_id)) for blob_id in ids]
            data[:] = bytes(size)
            data.extend(b"more")  # raises if the store still holds a view
            assert same([bytes(store.get(blob_id)) for blob_id in ids], before)

    def test_an_absent_blob_is_not_found(self, store: AnyStore) -> None:
        missing = absent_id(store)
        for _, look_up in look_ups(store):
            with pytest.raises(lt.BlobNotFound):
                look_up(missing)

    def test_a_blob_is_contained_until_it_is_dropped(self, store: AnyStore) -> None:
        blob_id, other = store.put(of_its_own()), store.put(of_its_own())
        assert blob_id in store
        store.drop(blob_id)
        assert blob_id not in store
        assert other in store
        assert absent_id(store) not in store

    def test_a_dropped_blob_is_gone(self, store: AnyStore) -> None:
        blob_id, other = store.put(of_its_own()), store.put(of_its_own())
        store.drop(blob_id)
        assert content_of(store, blob_id) is None
        assert content_of(store, other) is not None

    def test_dropping_what_is_absent_does_nothing(self, store: AnyStore) -> None:
        store.drop(absent_id(store))
        blob_id = store.put(of_its_own())
        store.drop(blob_id)
        store.drop(blob_id)

    def test_what_was_got_outlives_drop(self, store: AnyStore) -> None:
        blob_id = store.put(noise(300_000))
        before = bytes(store.get(blob_id))
        got = store.get(blob_id)
        store.drop(blob_id)
        assert same(bytes(got), before)

    @pytest.mark.parametrize("thing", [None, 3, b"a" * 32, ["a"], {}, object(), 1.5, ("a",)])
    def test_anything_may_be_asked_about(self, store: AnyStore, thing: object) -> None:
        store.put(of_its_own())
        assert thing not in store

    @pytest.mark.parametrize("mime", ["video/mp4", "text/plain; charset=utf-8", "a/" + "b" * 253])
    def test_put_takes_mime_types(self, store: AnyStore, mime: str) -> None:
        data = of_its_own()
        assert same(content_of(store, store.put(data, mime=mime)), data)

    @pytest.mark.parametrize("mime", ["", "video", "a/b\r\nc: d", "a/\u00e9", "a/" + "b" * 254, 3])
    def test_put_refuses_what_is_no_mime_type(self, store: AnyStore, mime: Any) -> None:
        with pytest.raises(lt.ValidationError, match="mime"):
            store.put(of_its_own(), mime=mime)

    def test_blobs_stay_whole_whatever_is_put_and_dropped(self, store: AnyStore) -> None:
        run_machine(
            lambda: Uses(store),  # type: ignore[arg-type]  # it takes any factory
            settings=settings(max_examples=self.examples, stateful_step_count=15, deadline=None),
        )

    def test_pieces_are_joined_in_order(self, store: AnyStore) -> None:
        chance = random.Random(1)

        @settings(max_examples=self.examples, deadline=None)
        @given(sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=5))
        @example(sizes=[300])
        def check(sizes: list[int]) -> None:
            parts = [of_its_own(), *(chance.randbytes(size) for size in sizes)]
            assert same(content_of(store, store.put(iter(parts))), b"".join(parts))

        check()


class Uses(RuleBasedStateMachine):
    """Puts, gets and drops in any order; what was not dropped must come back as it was put."""

    ids = Bundle("ids")

    def __init__(self, store: AnyStore) -> None:
        super().__init__()
        self.store = store
        self.model: dict[str, bytes] = {}

    @rule(target=ids, size=st.integers(16, 300))
    def put(self, size: int) -> str:
        data = of_its_own(size)
        blob_id = self.store.put(data)
        assert blob_id not in self.model
        self.model[blob_id] = data
        return blob_id

    @rule(blob_id=ids)
    def get(self, blob_id: str) -> None:
        assert same(content_of(self.store, blob_id), self.model[blob_id])

    @rule(blob_id=consumes(ids))
    def drop(self, blob_id: str) -> None:
        self.store.drop(blob_id)
        del self.model[blob_id]

    def teardown(self) -> None:
        for blob_id, data in self.model.items():
            assert same(content_of(self.store, blob_id), data)
