"""The contract: a store holds on to nothing, and says what it cannot do."""

from __future__ import annotations

import gc
import os
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import (
    AnyStore,
    absent_id,
    closed,
    content_of,
    noise,
    of_its_own,
    opened_again,
    same,
    skip,
)

__all__ = ["LimitsContract"]

MIB = 2**20
_HANDLES = 50
_SLACK = 5
"""Descriptors, threads and files that others in this process may have opened meanwhile."""


class LimitsContract(BlobStoreFixtures):
    """Descriptors, threads, memory and room."""

    def test_uses_leave_no_descriptors_and_threads_behind(self, store: AnyStore) -> None:
        missing = absent_id(store)
        kept = store.put(noise(9000))
        _use(store, kept, missing, times=20)
        before = _held()
        _use(store, kept, missing, times=self.cycles)
        assert _more_than(before) <= _SLACK, f"more after {self.cycles} puts, gets and drops"

    def test_closed_handles_leave_no_descriptors_and_threads_behind(self, store: AnyStore) -> None:
        if not isinstance(store, lt.SupportsClose):
            skip("the store has no close")
        blob_id = store.put(noise(300_000))
        _open_and_close(store, blob_id, times=3)
        before = _held()
        _open_and_close(store, blob_id, times=_HANDLES)
        assert _more_than(before) <= _SLACK, f"more after {_HANDLES} handles"

    def test_an_iterable_is_put_in_bounded_memory(self, store: AnyStore) -> None:
        if self.put_memory is None:
            skip("the store promises nothing: `put_memory` says how much memory a put takes")
        store.put(bytes(MIB))
        tracemalloc.start()
        try:
            store.put(bytes(MIB) for _ in range(max(32, 4 * self.put_memory // MIB)))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= self.put_memory

    def test_a_blob_above_the_limit_is_refused_before_all_of_it_is_read(
        self, store: AnyStore
    ) -> None:
        if self.max_size is None:
            skip("the store has no limit: `max_size` says how large a blob may be")
        taken = 0

        def endless() -> Iterator[bytes]:
            nonlocal taken
            while taken < 4 * limit + 64 * MIB:
                taken += step
                yield bytes(step)

        limit, step = self.max_size, min(MIB, max(1, self.max_size // 4))
        for data in (bytes(limit + 1), endless()):
            with pytest.raises(lt.BlobTooLarge):
                store.put(data)
        assert taken <= 2 * limit + 2 * step, "bytes read before the blob was refused"
        assert content_of(store, store.put(noise(limit))) is not None

    def test_a_full_store_says_so(self, full_store: AnyStore) -> None:
        with pytest.raises(lt.BlobStoreFull):
            fill(full_store, self.largest)

    def test_a_full_store_keeps_its_blobs_and_takes_others_again(
        self, full_store: AnyStore
    ) -> None:
        kept = []
        with suppress(lt.BlobError, OSError):
            kept = fill(full_store, self.largest)
        assert all(content_of(full_store, each) is not None for each in kept)
        for each in kept:
            full_store.drop(each)
        data = of_its_own()
        assert same(content_of(full_store, full_store.put(data)), data)


def fill(store: AnyStore, largest: int) -> list[str]:
    """Put 1 MiB blobs until there should be no room."""
    return [store.put(noise(MIB, seed)) for seed in range(largest // MIB + 1)]


def _use(store: AnyStore, kept: str, missing: str, times: int) -> None:
    for _ in range(times):
        store.get(kept)
        with suppress(LookupError):
            store.get(missing)
        store.drop(store.put(b"short"))
        with suppress(lt.LongtakeError, ValueError, TypeError):
            store.put("text")


def _open_and_close(store: AnyStore, blob_id: str, times: int) -> None:
    data = noise(300_000)
    for _ in range(times):
        handle = opened_again(store)
        content_of(handle, blob_id)
        handle.drop(handle.put(data))
        closed(handle)


def _held() -> tuple[int, int, int]:
    """How many descriptors, threads and mapped files this process has; 0 where no one can tell."""
    gc.collect()
    if not os.path.isdir("/proc/self/fd"):
        return 0, threading.active_count(), 0
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    mapped = sum(" /" in line for line in maps.splitlines())
    return len(os.listdir("/proc/self/fd")), threading.active_count(), mapped


def _more_than(before: tuple[int, int, int]) -> int:
    return max(now - then for now, then in zip(_held(), before, strict=True))
