"""The contract of blob stores over those that are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from longtake.testing import BlobStoreContract, RawBlobs, WatchedStore
from tests.sdk.testing.blobs.working_stores import MIB, PASSWORD, DictStore, FolderStore


class Raw(RawBlobs):
    """What lies in one of these stores."""

    def __init__(self, store: DictStore) -> None:
        self.store = store

    def read(self, blob_id: str) -> bytes:
        return bytes(self.store.load(blob_id))

    def write(self, blob_id: str, content: bytes) -> None:
        self.store.keep(blob_id, content)

    def names(self) -> set[str]:
        return self.store.names()


class BrokenStores(BlobStoreContract):
    """The contract with little of everything, since each fault shows at once and each time."""

    kind: ClassVar[type[DictStore]]
    max_size = 4 * MIB
    secrets = (PASSWORD,)
    largest = 2 * MIB
    num_ids = 200
    cycles = 30
    kills = 3
    uses = 12
    examples = 4
    patience = 2.0

    @pytest.fixture
    def raw(self, store: Any) -> Raw:
        return Raw(store)


class DictStoreTests(BrokenStores):
    """Of a `DictStore`."""

    @pytest.fixture
    def store(self) -> DictStore:
        return self.kind()

    @pytest.fixture
    def watched(self, store: Any) -> WatchedStore:
        return WatchedStore(store, store.calls)

    @pytest.fixture
    def full_store(self) -> Any:
        return self.kind(room=3 * MIB // 2)

    @pytest.fixture
    def outage(self, store: Any) -> Callable[[], Any]:
        @contextmanager
        def outage() -> Iterator[None]:
            store.is_lost = True
            yield
            store.is_lost = False

        return outage


class FolderStoreTests(BrokenStores):
    """Of a `FolderStore`."""

    kind: ClassVar[type[FolderStore]]

    @pytest.fixture
    def store(self, tmp_path: Path) -> FolderStore:
        return self.kind(str(tmp_path))


def broken(namespace: dict[str, Any]) -> list[type[DictStore]]:
    """The stores that are defined in a module, by its variables."""
    return [
        each
        for each in namespace.values()
        if isinstance(each, type)
        and issubclass(each, DictStore)
        and each.__module__ == namespace["__name__"]
    ]


def contracts(namespace: dict[str, Any], tests: type[BrokenStores]) -> dict[str, type]:
    """A test class for each of them, whose name is ``Test`` and the store's."""
    return {
        f"Test{kind.__name__}": type(f"Test{kind.__name__}", (tests,), {"kind": kind})
        for kind in broken(namespace)
    }
