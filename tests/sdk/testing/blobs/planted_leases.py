"""Stores broken in their leases and pins, each in one way that one test names.

Not collected by itself: `test_planted_leases` runs it and looks at what failed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

import pytest

from longtake.blobs.leases import check_limit
from longtake.blobs.memory import MemoryBlobStore
from longtake.testing import LeaseContract


class Leased(MemoryBlobStore):
    """Nothing is wrong."""

    fails: ClassVar[str] = ""

    def over(self, limit: int | None) -> list[str]:
        """What a sweep would drop now."""
        check_limit(limit)
        self._open_blobs()
        with self._leases.lock:
            return list(self._leases.over())[:limit]


class PinsOneByOne(Leased):
    """Those before a missing one stay pinned."""

    fails = "test_pinning_is_all_or_nothing"

    def pin(self, blob_ids: Iterable[str], owner: str) -> None:
        super().pin([], owner)
        for blob_id in blob_ids:
            super().pin([blob_id], owner)


class CountsPins(Leased):
    """A pin that is tried again counts twice."""

    fails = "test_pinning_again_changes_nothing"

    def __init__(self) -> None:
        super().__init__()
        self.pins = Counter[tuple[str, str]]()

    def pin(self, blob_ids: Iterable[str], owner: str) -> None:
        wanted = list(blob_ids)
        super().pin(wanted, owner)
        self.pins.update((blob_id, owner) for blob_id in wanted)

    def unpin(self, blob_ids: Iterable[str], owner: str) -> None:
        super().unpin([], owner)
        for blob_id in blob_ids:
            self.pins[blob_id, owner] -= 1
            if self.pins[blob_id, owner] <= 0:
                super().unpin([blob_id], owner)


class OneOwnerForAll(Leased):
    """Whoever unpins first unpins for all."""

    fails = "test_two_owners_keep_a_blob"

    def pin(self, blob_ids: Iterable[str], owner: str) -> None:
        super().pin([], owner)
        super().pin(blob_ids, "all")

    def unpin(self, blob_ids: Iterable[str], owner: str) -> None:
        super().unpin([], owner)
        super().unpin(blob_ids, "all")


class UnpinsOnlyWhatIsThere(Leased):
    fails = "test_unpinning_what_is_gone_does_nothing"

    def unpin(self, blob_ids: Iterable[str], owner: str) -> None:
        for blob_id in blob_ids:
            super().unpin([blob_id], owner)
            self.get(blob_id)


class SweepsBeyondTheLimit(Leased):
    fails = "test_a_sweep_stops_at_its_limit_and_goes_on"

    def sweep(self, *, limit: int | None = None) -> int:
        return super().sweep(limit=limit) + super().sweep()


class SweepsWhatHasNoLease(Leased):
    fails = "test_a_blob_without_a_lease_is_never_swept"

    def put(self, data: Any, *, mime: str = "a/b", lease_seconds: Any = None) -> str:
        seconds = 0.01 if lease_seconds is None else lease_seconds
        return super().put(data, mime=mime, lease_seconds=seconds)


class CutsLongLeases(Leased):
    """Keeps what is pinned, and else nothing for more than a moment."""

    fails = "test_a_blob_is_kept_while_its_lease_runs"

    def put(self, data: Any, *, mime: str = "a/b", lease_seconds: Any = None) -> str:
        seconds = 1e-9 if lease_seconds == 3600 else lease_seconds
        return super().put(data, mime=mime, lease_seconds=seconds)


class CountsWhatOthersSwept(Leased):
    fails = "test_sweepers_share_the_work"

    def sweep(self, *, limit: int | None = None) -> int:
        over = self.over(limit)
        time.sleep(0.01)
        super().sweep(limit=limit)
        return len(over)


class LooksThenDrops(Leased):
    """Somebody may pin a blob between the look and the drop."""

    fails = "test_what_a_pin_returned_for_is_there"

    def sweep(self, *, limit: int | None = None) -> int:
        over = self.over(limit)
        time.sleep(0.001)
        blobs = self._open_blobs()
        return sum(
            blobs.pop(blob_id, None) is not None and self.forgot(blob_id) for blob_id in over
        )

    def forgot(self, blob_id: str) -> bool:
        with self._leases.lock:
            self._leases.forget(blob_id)
        return True


class SweepsWhenClosed(Leased):
    fails = "test_leases_of_a_closed_store_are_an_error"

    def sweep(self, *, limit: int | None = None) -> int:
        return 0 if self._blobs is None else super().sweep(limit=limit)


class LeaseTests(LeaseContract):
    """Of one of these stores."""

    kind: ClassVar[type[Leased]]
    short_lease = 0.02

    @pytest.fixture
    def store(self) -> Leased:
        return self.kind()


STORES: list[type[Leased]] = [Leased, *Leased.__subclasses__()]

for _kind in STORES:
    globals()[f"Test{_kind.__name__}"] = type("Tests", (LeaseTests,), {"kind": _kind})
