"""Leases and pins of a memory store."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator

from attrs import define, field

__all__ = ["MemoryLeases"]


@define
class _Lease:
    until: float
    owners: set[str] = field(factory=set)


class MemoryLeases:
    """Who needs which blob, and until when. Hold `lock` for everything."""

    def __init__(self) -> None:
        self._leases: dict[str, _Lease] = {}
        self._lock = (os.getpid(), threading.Lock())

    @property
    def lock(self) -> threading.Lock:
        """The lock; a new one in a process that was forked, where nobody holds the old one."""
        if self._lock[0] != os.getpid():
            self._lock = (os.getpid(), threading.Lock())
        return self._lock[1]

    def grant(self, blob_id: str, seconds: float) -> None:
        """Let a lease of the new blob begin now."""
        self._leases[blob_id] = _Lease(time.monotonic() + seconds)

    def forget(self, blob_id: str) -> None:
        """The blob is gone."""
        self._leases.pop(blob_id, None)

    def add(self, blob_ids: Iterable[str], owner: str) -> None:
        """``owner`` pins those blobs that have a lease; the others are kept anyway."""
        for blob_id in blob_ids:
            if (lease := self._leases.get(blob_id)) is not None:
                lease.owners.add(owner)

    def remove(self, blob_ids: Iterable[str], owner: str) -> None:
        """``owner`` no longer pins them."""
        for blob_id in blob_ids:
            if (lease := self._leases.get(blob_id)) is not None:
                lease.owners.discard(owner)

    def over(self) -> Iterator[str]:
        """Blobs whose lease is over and that nobody pins."""
        now = time.monotonic()
        for blob_id, lease in tuple(self._leases.items()):
            if not lease.owners and lease.until <= now:
                yield blob_id
