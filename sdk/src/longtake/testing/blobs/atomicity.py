"""The contract: a blob is there whole or not at all, also when its putting goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import longtake as lt
from longtake.testing.blobs.fixtures import BlobStoreFixtures, Outage
from longtake.testing.blobs.raw import RawBlobs, names_in
from longtake.testing.blobs.samples import AnyStore, content_of, noise, of_its_own, same
from longtake.testing.blobs.watched_store import WatchedStore

__all__ = ["AtomicityContract"]

PIECE, SMALL = 100_000, 20_000


class AtomicityContract(BlobStoreFixtures):
    """What is there is looked for in the store's own list, or under the key that put writes."""

    def test_nothing_is_seen_while_a_put_runs(self, watched: WatchedStore, raw: RawBlobs) -> None:
        store, listed = watched.store, what_is_there(watched, raw)
        before = listed()
        early: set[str] = set()

        def slowly() -> Iterator[bytes]:
            for seed in range(4):
                yield noise(PIECE, seed)
                early.update(name for name in listed() - before if is_there(store, name))

        blob_id = store.put(slowly())
        assert early == set(), "a blob is seen before it is whole"
        assert blob_id in listed(), "`raw.names()` does not give the blob its id"

    @pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
    def test_a_failing_iterable_leaves_nothing(
        self, watched: WatchedStore, raw: RawBlobs, kind: type[BaseException]
    ) -> None:
        store, listed = watched.store, what_is_there(watched, raw)
        kept = store.put(of_its_own())
        before = listed()

        def failing() -> Iterator[bytes]:
            yield noise(PIECE)
            yield noise(PIECE)
            raise kind

        with pytest.raises(BaseException):  # noqa: B017, PT011 - another test says which
            store.put(failing())
        assert listed() == before
        assert content_of(store, kept) is not None

    def test_a_store_is_usable_after_a_put_that_failed(self, store: AnyStore) -> None:
        def failing() -> Iterator[bytes]:
            yield noise(PIECE)
            raise RuntimeError

        kept = store.put(of_its_own())
        for _ in range(3):
            with pytest.raises(RuntimeError):
                store.put(failing())
        assert content_of(store, kept) is not None
        data = of_its_own()
        assert same(content_of(store, store.put(data)), data)

    def test_a_put_during_an_outage_is_whole_or_an_error(
        self, store: AnyStore, outage: Outage
    ) -> None:
        def interrupted() -> Iterator[bytes]:
            yield noise(SMALL, 0)
            with outage():
                yield noise(SMALL, 1)
            yield noise(SMALL, 2)

        try:
            blob_id = store.put(interrupted())
        except lt.BlobStoreUnavailable:
            return
        whole = b"".join(noise(SMALL, seed) for seed in range(3))
        assert same(content_of(store, blob_id), whole)


def what_is_there(watched: WatchedStore, raw: RawBlobs) -> Callable[[], set[str]]:
    """What lists what is there: the raw store, or else the keys that the puts so far wrote to.

    Skips the test where there is neither.
    """
    store = watched.store
    if raw.names() is None and type(store) is lt.RecordBlobStore:
        return lambda: {key for key in watched.keys if is_there(store, key)}
    return lambda: names_in(raw)


def is_there(store: AnyStore, name: str) -> bool:
    """Whether the store has anything to give under a name, which may be no id."""
    try:
        return name in store or content_of(store, name) is not None
    except lt.BlobCorrupt:
        return True
