"""The contract of leases: what is referred to is kept, what nobody refers to is swept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Protocol, runtime_checkable

import pytest

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import AnyStore, absent_id, of_its_own, skip

__all__ = ["LeaseContract"]


@runtime_checkable
class LeaseStore(AnyStore, lt.SupportsLeases, Protocol):
    """A store that knows leases and pins."""

    def put(self, data: Any, *, mime: str = ..., lease_seconds: Any = None) -> str: ...


class LeaseContract(BlobStoreFixtures):
    """`longtake.SupportsLeases`."""

    short_lease: ClassVar[float] = 0.05
    """Seconds of a lease that tests wait for; at least the tick of the store's clock."""

    @pytest.fixture
    def lease_store(self, store: Any) -> LeaseStore:
        """``store``, if it has leases."""
        if not isinstance(store, LeaseStore):
            skip("the store has no leases")
        return store

    def test_a_blob_is_swept_when_its_lease_is_over(self, lease_store: LeaseStore) -> None:
        blob_id = lease_store.put(of_its_own(), lease_seconds=self.short_lease)
        self._wait()
        assert lease_store.sweep() == 1
        assert blob_id not in lease_store
        with pytest.raises(lt.BlobNotFound):
            lease_store.get(blob_id)

    def test_a_blob_is_kept_while_its_lease_runs(self, lease_store: LeaseStore) -> None:
        blob_id = lease_store.put(of_its_own(), lease_seconds=3600)
        assert lease_store.sweep() == 0
        assert blob_id in lease_store

    def test_a_pinned_blob_outlives_its_lease(self, lease_store: LeaseStore) -> None:
        blob_id = self._pinned(lease_store, "take")
        assert lease_store.sweep() == 0
        assert blob_id in lease_store

    def test_an_unpinned_blob_is_swept(self, lease_store: LeaseStore) -> None:
        blob_id = self._pinned(lease_store, "take")
        lease_store.unpin([blob_id], "take")
        assert lease_store.sweep() == 1
        assert blob_id not in lease_store

    def test_a_blob_without_a_lease_is_never_swept(self, lease_store: LeaseStore) -> None:
        blob_id = lease_store.put(of_its_own())
        lease_store.put(of_its_own(), lease_seconds=self.short_lease)
        self._wait()
        lease_store.sweep()
        assert blob_id in lease_store
        lease_store.pin([blob_id], "take")
        lease_store.unpin([blob_id], "take")
        lease_store.sweep()
        assert blob_id in lease_store

    def test_pinning_is_all_or_nothing(self, lease_store: LeaseStore) -> None:
        blob_id = lease_store.put(of_its_own(), lease_seconds=self.short_lease)
        with pytest.raises(lt.BlobNotFound):
            lease_store.pin([blob_id, absent_id(lease_store)], "take")
        self._wait()
        assert lease_store.sweep() == 1

    def test_pinning_again_changes_nothing(self, lease_store: LeaseStore) -> None:
        blob_id = self._pinned(lease_store, "take")
        lease_store.pin([blob_id, blob_id], "take")
        lease_store.unpin([blob_id], "take")
        assert lease_store.sweep() == 1

    def test_two_owners_keep_a_blob(self, lease_store: LeaseStore) -> None:
        blob_id = self._pinned(lease_store, "one")
        lease_store.pin([blob_id], "other")
        lease_store.unpin([blob_id], "one")
        lease_store.unpin([blob_id], "one")
        assert lease_store.sweep() == 0
        assert blob_id in lease_store

    def test_unpinning_what_is_gone_does_nothing(self, lease_store: LeaseStore) -> None:
        lease_store.unpin([absent_id(lease_store)], "take")
        blob_id = self._pinned(lease_store, "take")
        lease_store.unpin([absent_id(lease_store), blob_id], "take")
        assert lease_store.sweep() == 1

    def test_a_sweep_stops_at_its_limit_and_goes_on(self, lease_store: LeaseStore) -> None:
        for _ in range(5):
            lease_store.put(of_its_own(), lease_seconds=self.short_lease)
        self._wait()
        assert [lease_store.sweep(limit=2) for _ in range(4)] == [2, 2, 1, 0]

    def test_a_put_that_still_runs_is_not_swept(self, lease_store: LeaseStore) -> None:
        def slow() -> Iterator[bytes]:
            yield of_its_own()
            time.sleep(self.short_lease)
            lease_store.sweep()
            yield of_its_own()

        blob_id = lease_store.put(slow(), lease_seconds=3600)
        assert blob_id in lease_store
        lease_store.pin([blob_id], "take")

    def test_sweepers_share_the_work(self, lease_store: LeaseStore) -> None:
        for _ in range(20):
            lease_store.put(of_its_own(), lease_seconds=self.short_lease)
        self._wait()
        with ThreadPoolExecutor(4) as threads:
            jobs = [threads.submit(lease_store.sweep) for _ in range(4)]
        assert sum(job.result() for job in jobs) == 20

    def test_what_a_pin_returned_for_is_there(self, lease_store: LeaseStore) -> None:
        def sweep() -> None:
            started.set()
            lease_store.sweep()

        for delay in range(5):
            ids = [lease_store.put(of_its_own(), lease_seconds=self.short_lease) for _ in range(12)]
            self._wait()
            started = threading.Event()
            with ThreadPoolExecutor(1) as threads:
                sweeping = threads.submit(sweep)
                started.wait()
                time.sleep(delay / 2000)  # to meet the sweep at different moments
                pinned = [blob_id for blob_id in ids if _could_pin(lease_store, blob_id)]
            sweeping.result()
            lost = [blob_id for blob_id in pinned if blob_id not in lease_store]
            assert lost == [], "blobs were swept while, or after, they were pinned"

    @pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "1", True])
    def test_what_is_no_lease_is_refused(self, lease_store: LeaseStore, seconds: Any) -> None:
        with pytest.raises(lt.ValidationError, match="lease_seconds"):
            lease_store.put(of_its_own(), lease_seconds=seconds)

    @pytest.mark.parametrize("owner", ["", None, 3, "a" * 5000])
    def test_what_is_no_owner_is_refused(self, lease_store: LeaseStore, owner: Any) -> None:
        blob_id = lease_store.put(of_its_own(), lease_seconds=3600)
        for use in (lease_store.pin, lease_store.unpin):
            with pytest.raises(lt.ValidationError, match="owner"):
                use([blob_id], owner)

    @pytest.mark.parametrize("limit", [0, -1, 1.0, True, "1"])
    def test_what_is_no_limit_is_refused(self, lease_store: LeaseStore, limit: Any) -> None:
        with pytest.raises(lt.ValidationError, match="limit"):
            lease_store.sweep(limit=limit)

    def test_leases_of_a_closed_store_are_an_error(self, lease_store: LeaseStore) -> None:
        if not isinstance(lease_store, lt.SupportsClose):
            skip("the store has no close")
        blob_id = lease_store.put(of_its_own(), lease_seconds=3600)
        lease_store.close()
        uses = (
            lambda: lease_store.pin([blob_id], "take"),
            lambda: lease_store.unpin([blob_id], "take"),
            lambda: lease_store.sweep(),
        )
        for use in uses:
            with pytest.raises(lt.BlobError, match="closed"):
                use()

    def _pinned(self, store: LeaseStore, owner: str) -> str:
        """The id of a blob that ``owner`` pins and whose lease is over."""
        blob_id = store.put(of_its_own(), lease_seconds=self.short_lease)
        store.pin([blob_id], owner)
        self._wait()
        return blob_id

    def _wait(self) -> None:
        """Until every lease of `short_lease` is over by the store's clock."""
        time.sleep(2 * self.short_lease)


def _could_pin(store: LeaseStore, blob_id: str) -> bool:
    try:
        store.pin([blob_id], "take")
    except lt.BlobNotFound:
        return False
    return True
