"""The contracts of what only some stores can do; skipped where the store cannot."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Protocol, runtime_checkable

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import AnyStore, noise, of_its_own, same, skip

__all__ = ["CloseContract", "PathContract", "RangeContract", "StatContract"]


@runtime_checkable
class StatStore(AnyStore, lt.SupportsStat, Protocol):
    """A store that says what a blob is."""


@runtime_checkable
class RangeStore(AnyStore, lt.SupportsRange, Protocol):
    """A store that reads parts of a blob."""


@runtime_checkable
class PathStore(AnyStore, lt.SupportsPath, Protocol):
    """A store that says where a blob lies."""


@runtime_checkable
class ClosableStore(AnyStore, lt.SupportsClose, Protocol):
    """A store that lets its connections go."""


class StatContract(BlobStoreFixtures):
    """`longtake.SupportsStat`."""

    @pytest.fixture
    def stat_store(self, store: Any) -> StatStore:
        """``store``, if it has ``stat``."""
        if not isinstance(store, StatStore):
            skip("the store has no stat")
        return store

    @pytest.mark.parametrize("size", [1, 9000, 300_000])
    def test_stat_gives_size_and_digest(self, stat_store: StatStore, size: int) -> None:
        data = noise(size)
        stat = stat_store.stat(stat_store.put(data))
        assert isinstance(stat, lt.BlobStat)
        assert (stat.size, stat.sha256) == (size, hashlib.sha256(data).digest())

    @pytest.mark.parametrize("mime", ["video/mp4", "text/plain; charset=utf-8"])
    def test_stat_gives_the_mime_type_back(self, stat_store: StatStore, mime: str) -> None:
        assert stat_store.stat(stat_store.put(of_its_own(), mime=mime)).mime == mime

    def test_stat_gives_the_time_of_the_put(self, stat_store: StatStore) -> None:
        before = time.time_ns()
        stat = stat_store.stat(stat_store.put(of_its_own()))
        assert before <= stat.created_ns <= time.time_ns()


class RangeContract(BlobStoreFixtures):
    """`longtake.SupportsRange`."""

    @pytest.fixture
    def range_store(self, store: Any) -> RangeStore:
        """``store``, if it has ``get_range``."""
        if not isinstance(store, RangeStore):
            skip("the store has no get_range")
        return store

    def test_a_range_equals_a_slice(self, range_store: RangeStore) -> None:
        data = noise(5000)
        blob_id = range_store.put(data)

        @settings(max_examples=4 * self.examples, deadline=None)
        @given(start=st.integers(0, 6000), size=st.integers(0, 6000))
        @example(start=0, size=5000)
        @example(start=4999, size=1)
        @example(start=5000, size=1)
        @example(start=0, size=10**15)
        def check(start: int, size: int) -> None:
            part = range_store.get_range(blob_id, start, start + size)
            assert same(bytes(part), data[start : start + size])

        check()

    def test_a_range_cannot_be_written(self, range_store: RangeStore) -> None:
        blob_id = range_store.put(bytearray(noise(5000)))
        assert memoryview(range_store.get_range(blob_id, 1, 4000)).readonly

    @pytest.mark.parametrize(("start", "stop"), [(-1, 1), (0, -1), (3, 2), (0.0, 1), (None, None)])
    def test_what_is_no_range_is_refused(
        self, range_store: RangeStore, start: Any, stop: Any
    ) -> None:
        blob_id = range_store.put(of_its_own())
        with pytest.raises(lt.ValidationError):
            range_store.get_range(blob_id, start, stop)


class PathContract(BlobStoreFixtures):
    """`longtake.SupportsPath`."""

    @pytest.fixture
    def path_store(self, store: Any) -> PathStore:
        """``store``, if it has ``path``."""
        if not isinstance(store, PathStore):
            skip("the store has no path")
        return store

    @pytest.mark.parametrize("size", [1, 9000, 300_000])
    def test_the_file_has_the_blobs_bytes(self, path_store: PathStore, size: int) -> None:
        place = path_store.path(path_store.put(noise(size)))
        content = place.path.read_bytes()
        assert place.size == size
        assert same(content[place.offset : place.offset + place.size], noise(size))

    def test_the_file_is_for_its_owner_only(self, path_store: PathStore) -> None:
        place = path_store.path(path_store.put(of_its_own()))
        assert place.path.stat().st_mode & 0o077 == 0


class CloseContract(BlobStoreFixtures):
    """`longtake.SupportsClose`."""

    @pytest.fixture
    def closable_store(self, store: Any) -> ClosableStore:
        """``store``, if it has ``close``."""
        if not isinstance(store, ClosableStore):
            skip("the store has no close")
        return store

    def test_closing_again_does_nothing(self, closable_store: ClosableStore) -> None:
        closable_store.put(of_its_own())
        closable_store.close()
        closable_store.close()

    def test_use_after_close_is_an_error(self, closable_store: ClosableStore) -> None:
        blob_id = closable_store.put(of_its_own())
        closable_store.close()
        uses = (
            lambda: closable_store.put(of_its_own()),
            lambda: closable_store.get(blob_id),
            lambda: closable_store.drop(blob_id),
            lambda: blob_id in closable_store,
        )
        for use in uses:
            with pytest.raises(lt.BlobError, match="closed"):
                use()

    def test_what_was_got_outlives_close(self, closable_store: ClosableStore) -> None:
        data = noise(300_000)
        got = closable_store.get(closable_store.put(data))
        before = bytes(got)
        closable_store.close()
        assert same(bytes(got), before)
