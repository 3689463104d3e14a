"""The contract: ids are unguessable, and what is no id never becomes a path or a key."""

from __future__ import annotations

import math
from collections import Counter

import pytest

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.samples import AnyStore, content_of, hostile_ids, look_ups, of_its_own
from longtake.testing.blobs.watched_store import WatchedStore

__all__ = ["IdsContract"]

UNGUESSABLE = 128
"""Random bits of an id."""

_IDS_FOR_ESTIMATE = 200
"""Of fewer ids, however few a store's tests make do with elsewhere, the bits are not known."""

_ERROR_OF_ESTIMATE = 2
"""Bits: five times the standard deviation of `random_bits` for 200 ids of 22 characters."""


class IdsContract(BlobStoreFixtures):
    """The form of ids is the store's own; these are true of every form."""

    def test_ids_are_ids_that_states_take(self, store: AnyStore) -> None:
        """1 to 128 of the characters A-Z a-z 0-9 _ -: what `longtake.check_blob_id` lets pass."""
        blob_id = store.put(of_its_own())
        assert isinstance(blob_id, str)
        assert lt.check_blob_id(blob_id, "blob_id") == blob_id

    def test_ids_never_repeat(self, store: AnyStore) -> None:
        ids = {store.put(of_its_own()) for _ in range(self.num_ids)}
        assert len(ids) == self.num_ids

    def test_equal_blobs_have_different_ids(self, store: AnyStore) -> None:
        ids = {store.put(b"the same bytes") for _ in range(5)}
        assert len(ids) == 5, "ids that follow from the content tell who else has put it"

    def test_ids_are_unguessable(self, store: AnyStore) -> None:
        num_ids = max(self.num_ids, _IDS_FOR_ESTIMATE)
        bits = random_bits([store.put(of_its_own()) for _ in range(num_ids)])
        assert bits > UNGUESSABLE - _ERROR_OF_ESTIMATE, (
            f"ids have {bits:.1f} random bits; make them with secrets.token_hex(16)"
        )

    @pytest.mark.parametrize("kind", hostile_ids("0" * 32))
    def test_malformed_ids_are_refused_before_they_reach_the_backend(
        self, watched: WatchedStore, kind: str
    ) -> None:
        store = watched.store
        malformed = hostile_ids(store.put(of_its_own()))[kind]
        watched.calls.clear()
        assert malformed not in store
        for _, use in (*look_ups(store), ("drop", store.drop)):
            with pytest.raises(lt.InvalidBlobId) as raised:
                use(malformed)
            assert len(str(raised.value)) < 300, "the message repeats the id"
        assert watched.calls == []

    @pytest.mark.parametrize("thing", [None, 3, b"a" * 32, ["a"], object()])
    def test_what_is_no_string_is_no_id(self, store: AnyStore, thing: object) -> None:
        for _, use in (*look_ups(store), ("drop", store.drop)):
            with pytest.raises(lt.InvalidBlobId):
                use(thing)

    def test_an_id_in_other_letters_is_another_id(self, store: AnyStore) -> None:
        blob_id = store.put(of_its_own())
        for other in {blob_id.upper(), blob_id.lower(), blob_id.swapcase()} - {blob_id}:
            assert content_of(store, other) is None


def random_bits(ids: list[str]) -> float:
    """The collision entropy of the characters of ``ids``, place by place, summed.

    Of each place the probability that two ids agree there, estimated without bias.
    """
    width = max(map(len, ids))
    pairs = len(ids) * (len(ids) - 1)
    bits = 0.0
    for place in zip(*(each.ljust(width) for each in ids), strict=True):
        agreeing = sum(n * (n - 1) for n in Counter(place).values())
        bits -= math.log2(max(agreeing, 1) / pairs)
    return bits
