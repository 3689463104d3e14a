"""The contracts of stores without leases, over stores that are right and stores that are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

import longtake as lt
from longtake.testing.blobs import unleased
from tests.sdk.sessions.unleased_stores import Expiring, Listed


class TestRenewal(unleased.RenewalContract):
    @pytest.fixture
    def store(self) -> Any:
        return lt.RecordBlobStore(Expiring())


class TestListing(unleased.ListingContract):
    @pytest.fixture
    def store(self) -> Any:
        return lt.RecordBlobStore(Listed())


class SaysNothingOfWhatIsGone(Expiring):
    def renew(self, blob_ids: Iterable[str]) -> Sequence[str]:
        super().renew(blob_ids)
        return []


class ListsAllAsOld(Listed):
    def list_ids(self, *, min_age_seconds: float) -> Iterator[str]:
        return super().list_ids(min_age_seconds=0)


class ListsWhatWasDropped(Listed):
    def delete(self, key: str) -> None:
        """It stays in the list."""


def test_a_store_that_says_nothing_of_what_is_gone_is_found() -> None:
    store: Any = lt.RecordBlobStore(SaysNothingOfWhatIsGone())
    with pytest.raises(AssertionError):
        unleased.RenewalContract().test_renewing_says_what_is_gone_and_renews_the_rest(store)


def test_a_store_that_lists_all_as_old_is_found() -> None:
    store: Any = lt.RecordBlobStore(ListsAllAsOld())
    with pytest.raises(AssertionError):
        unleased.ListingContract().test_what_was_put_just_now_is_not_old(store)


def test_a_store_that_lists_what_was_dropped_is_found() -> None:
    store: Any = lt.RecordBlobStore(ListsWhatWasDropped())
    with pytest.raises(AssertionError):
        unleased.ListingContract().test_what_was_put_is_listed_until_it_is_dropped(store)
