"""Blob stores without leases, whose clock the test turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import longtake as lt


class Clocked(lt.BlobRecords):
    """Records with the time of their put. ``now``: seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.kept: dict[str, tuple[float, bytes]] = {}

    def write(self, key: str, pieces: Iterable[bytes | memoryview]) -> None:
        self.kept[key] = (self.now, b"".join(pieces))

    def read(self, key: str) -> bytes | None:
        return self.kept[key][1] if key in self.kept else None

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)


class Listed(Clocked):
    """They can be listed, with something else among them."""

    def list_ids(self, *, min_age_seconds: float) -> Iterator[str]:
        yield "README"
        for key, (put, _) in sorted(self.kept.items()):
            if put <= self.now - min_age_seconds:
                yield key


class Expiring(Clocked):
    """They expire an hour after they were put or renewed."""

    def read(self, key: str) -> bytes | None:
        if key in self.kept and self.kept[key][0] + 3600 <= self.now:
            del self.kept[key]
        return super().read(key)

    def renew(self, blob_ids: Iterable[str]) -> Sequence[str]:
        keys = list(blob_ids)
        gone = [key for key in keys if self.read(key) is None]
        self.kept |= {key: (self.now, self.kept[key][1]) for key in keys if key not in gone}
        return gone
