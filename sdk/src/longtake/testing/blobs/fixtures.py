"""What the contract of blob stores needs of a store, and what its author may say about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, ClassVar, TypeAlias

import pytest

from longtake.testing.blobs.raw import RawBlobs, default_raw
from longtake.testing.blobs.samples import AnyStore, closed, opened_again, skip
from longtake.testing.blobs.watched_store import WatchedStore, default_watched

__all__ = ["BlobStoreFixtures", "Outage"]

Outage: TypeAlias = Callable[[], AbstractContextManager[object]]
"""``with outage(): ...``: meanwhile what is behind the store cannot be reached; then it can."""


class BlobStoreFixtures:
    """The fixtures and budgets of every contract of blob stores. Only `store` must be defined.

    Each other fixture lets tests run that are else skipped, with the fixture's name as the reason.
    """

    max_size: ClassVar[int | None] = None
    """Bytes of the largest blob that ``store`` takes; None for no limit."""

    put_memory: ClassVar[int | None] = None
    """Bytes that putting an iterable of 1 MiB pieces takes at most; None where none is promised."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """What the store was opened with and must not show: passwords, keys, tokens."""

    largest: ClassVar[int] = 65 * 2**20
    """Bytes of the largest blob that the tests put."""

    num_ids: ClassVar[int] = 500
    """Blobs put to look at their ids."""

    cycles: ClassVar[int] = 1000
    """Puts, gets and drops during which nothing may leak."""

    kills: ClassVar[int] = 20
    """Processes killed in a put, for each test that kills."""

    uses: ClassVar[int] = 200
    """Puts, gets and drops by each of eight threads."""

    examples: ClassVar[int] = 25
    """Examples of each test that makes them up."""

    patience: ClassVar[float] = 30.0
    """Seconds after which a store must have said that what is behind it cannot be reached."""

    @pytest.fixture
    def store(self) -> AnyStore:
        """A new, empty store. To be defined."""
        raise NotImplementedError("define the fixture `store`: it gives a new, empty store")

    @pytest.fixture
    def another(self, store: AnyStore) -> Iterator[Any]:
        """A second handle of ``store``: what its pickle opens."""
        handle = opened_again(store)
        yield handle
        closed(handle)

    @pytest.fixture
    def raw(self, store: AnyStore) -> RawBlobs:
        """What lies in ``store``: by default its records, or the files it says it has."""
        return default_raw(store)

    @pytest.fixture
    def watched(self, store: AnyStore) -> WatchedStore:
        """``store``, with what reaches its backend: by default the calls to its records."""
        return default_watched(store)

    @pytest.fixture
    def sweep(self) -> Callable[[], object]:
        """What removes the litter of killed puts at once; by default nothing is needed."""
        return lambda: None

    @pytest.fixture
    def full_store(self) -> AnyStore:
        """A store like ``store`` with room for less than `largest` bytes."""
        skip("no store without room: define the fixture `full_store`")

    @pytest.fixture
    def outage(self) -> Outage:
        """What takes away what is behind ``store``, such as its server, and gives it back."""
        skip("nothing takes the server or the disk away: define the fixture `outage`")

    @pytest.fixture
    def lost_store(self, store: AnyStore, outage: Outage) -> Iterator[AnyStore]:
        """A store like ``store`` behind which there is nothing; by default during an ``outage``."""
        with outage():
            yield store
