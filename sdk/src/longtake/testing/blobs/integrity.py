"""The contract: bytes that changed where they are stored are never given out as the blob."""

from __future__ import annotations

import random

import hypothesis.strategies as st
from hypothesis import given, settings

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures
from longtake.testing.blobs.raw import RawBlobs
from longtake.testing.blobs.samples import AnyStore, of_its_own, same

__all__ = ["IntegrityContract"]

SIZE = 9000


class IntegrityContract(BlobStoreFixtures):
    """Each damage is done to a blob of its own, and that blob looked at afterwards."""

    def test_flipped_bits_are_noticed(self, store: AnyStore, raw: RawBlobs) -> None:
        chance = random.Random(3)
        for place in (0.0, 0.3, 0.5, 0.7, 0.999, *(chance.random() for _ in range(10))):
            data = of_its_own(SIZE)
            blob_id = store.put(data)
            stored = bytearray(raw.read(blob_id))
            stored[int(place * len(stored))] ^= 1 << chance.randrange(8)
            raw.write(blob_id, bytes(stored))
            given = given_out(store, blob_id)
            assert given is None or same(given, data), f"a bit at {place:.1%} of what is stored"

    def test_truncated_blobs_are_noticed(self, store: AnyStore, raw: RawBlobs) -> None:
        for kept in (0.0, 0.1, 0.5, 0.9, 1.0):
            blob_id = store.put(of_its_own(SIZE))
            stored = raw.read(blob_id)
            raw.write(blob_id, stored[: int(kept * (len(stored) - 1))])
            assert given_out(store, blob_id) is None, f"{kept:.0%} of what was stored"

    def test_extended_blobs_are_noticed(self, store: AnyStore, raw: RawBlobs) -> None:
        for size in (1, 4096):
            blob_id = store.put(of_its_own(SIZE))
            raw.write(blob_id, raw.read(blob_id) + bytes(size))
            assert given_out(store, blob_id) is None, f"{size} bytes more than were stored"

    def test_swapped_blobs_are_noticed(self, store: AnyStore, raw: RawBlobs) -> None:
        first, second = store.put(of_its_own(SIZE)), store.put(of_its_own(SIZE))
        stored = raw.read(first), raw.read(second)
        raw.write(first, stored[1])
        raw.write(second, stored[0])
        assert given_out(store, first) is None
        assert given_out(store, second) is None

    def test_damage_is_always_blob_corrupt(self, store: AnyStore, raw: RawBlobs) -> None:
        @settings(max_examples=4 * self.examples, deadline=None)
        @given(
            start=st.floats(0, 1),
            length=st.integers(0, 64),
            garbage=st.binary(max_size=64),
            rest=st.booleans(),
        )
        def check(start: float, length: int, garbage: bytes, rest: bool) -> None:
            blob_id = store.put(of_its_own(100))
            stored = raw.read(blob_id)
            at = int(start * len(stored))
            end = stored[at + length :] if rest else b""
            raw.write(blob_id, stored[:at] + garbage + end)
            try:
                store.get(blob_id)
            except lt.BlobCorrupt as error:
                assert blob_id not in str(error)
            finally:
                store.drop(blob_id)

        check()


def given_out(store: AnyStore, blob_id: str) -> bytes | None:
    """The bytes that the store gives; None when it raises anything."""
    try:
        return bytes(store.get(blob_id))
    except Exception:  # noticed, in any case; another test is about which error it is
        return None
