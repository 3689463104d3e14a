"""The contracts of what keeps blobs for sessions without leases; skipped where it is missing."""

from __future__ import annotations

import time
from typing import Any, Protocol, runtime_checkable

import pytest

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import AnyStore, absent_id, noise, of_its_own, same, skip

__all__ = ["ListingContract", "RenewalContract"]

_PATIENCE = 10.0
"""Seconds until a store must have listed what was put; some count in whole seconds."""


@runtime_checkable
class RenewingStore(AnyStore, lt.SupportsRenewal, Protocol):
    """A store that keeps blobs longer."""


@runtime_checkable
class ListingStore(AnyStore, lt.SupportsListing, Protocol):
    """A store that says which blobs it has."""


class RenewalContract(BlobStoreFixtures):
    """`longtake.SupportsRenewal`."""

    @pytest.fixture
    def renewing_store(self, store: Any) -> RenewingStore:
        """``store``, if it has ``renew``."""
        if not isinstance(store, RenewingStore):
            skip("the store has no renew")
        return store

    def test_what_is_renewed_is_there_as_it_was(self, renewing_store: RenewingStore) -> None:
        data = noise(300_000)
        ids = [renewing_store.put(data), renewing_store.put(of_its_own())]
        assert not renewing_store.renew(iter(ids))
        assert same(bytes(renewing_store.get(ids[0])), data)
        assert not renewing_store.renew([])

    def test_renewing_says_what_is_gone_and_renews_the_rest(
        self, renewing_store: RenewingStore
    ) -> None:
        gone, there = absent_id(renewing_store), renewing_store.put(of_its_own())
        assert list(renewing_store.renew([gone, there])) == [gone]
        assert there in renewing_store
        assert gone not in renewing_store


class ListingContract(BlobStoreFixtures):
    """`longtake.SupportsListing`."""

    @pytest.fixture
    def listing_store(self, store: Any) -> ListingStore:
        """``store``, if it has ``list_ids``."""
        if not isinstance(store, ListingStore):
            skip("the store has no list_ids")
        return store

    def test_what_was_put_is_listed_until_it_is_dropped(self, listing_store: ListingStore) -> None:
        kept, dropped = (listing_store.put(of_its_own()) for _ in range(2))
        give_up = time.monotonic() + _PATIENCE
        while not {kept, dropped} <= (listed := set(listing_store.list_ids(min_age_seconds=0))):
            assert time.monotonic() < give_up, f"{len(listed)} other blobs are listed"
            time.sleep(0.1)
        listing_store.drop(dropped)
        listed = set(listing_store.list_ids(min_age_seconds=0))
        assert kept in listed
        assert dropped not in listed

    def test_what_is_listed_can_be_got(self, listing_store: ListingStore) -> None:
        listing_store.put(of_its_own())
        assert all(each in listing_store for each in listing_store.list_ids(min_age_seconds=0))

    def test_what_was_put_just_now_is_not_old(self, listing_store: ListingStore) -> None:
        blob_id = listing_store.put(of_its_own())
        assert blob_id not in set(listing_store.list_ids(min_age_seconds=3600))
