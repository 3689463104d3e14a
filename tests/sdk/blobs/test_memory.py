"""The blob store in memory."""

from __future__ import annotations

import copy
import pickle

import pytest

from longtake.blobs.memory import MemoryBlobStore, open_store
from longtake.errors import BlobError, ValidationError
from longtake.testing import BlobStoreContract
from longtake.testing.blobs.samples import noise


class TestMemoryBlobStore(BlobStoreContract):
    num_ids = 100_000

    @pytest.fixture
    def store(self) -> MemoryBlobStore:
        return MemoryBlobStore()


def test_bytes_are_kept_by_reference() -> None:
    store = MemoryBlobStore()
    data = noise(1000)
    assert store.get(store.put(data)) is data


def test_stores_are_separate() -> None:
    first, second = MemoryBlobStore(), open_store("memory:")
    assert first.put(b"x") not in second


@pytest.mark.parametrize("url", ["memory:", "MEMORY:"])
def test_the_url_is_the_scheme_alone(url: str) -> None:
    assert isinstance(open_store(url), MemoryBlobStore)


@pytest.mark.parametrize("url", ["memory://", "memory:x", "memory:?a=1", "memory:#", "memory"])
def test_more_than_the_scheme_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="blobs"):
        open_store(url)


def test_it_is_never_copied_in_silence() -> None:
    store = MemoryBlobStore()
    for use in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(BlobError, match="one process"):
            use(store)


def test_a_failing_iterator_leaves_no_blob() -> None:
    store = MemoryBlobStore()
    with pytest.raises(ValidationError, match=r"data\[1\]"):
        store.put([b"x", "y"])  # type: ignore[list-item]
    assert "0 blobs" in repr(store)
