"""Leases and pins of a file store: one small file for each blob that was put with a lease.

``<root>/leases/<id>`` says until when the lease runs and who pins the blob. It is replaced as a
whole, under a lock that the system gives back when its holder dies; so a pin and the sweeper never
meet. Time is that of the file system, which the store's users share.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from attrs import evolve, frozen

from longtake.blobs.file.layout import sweep_folder
from longtake.blobs.file.writing import TEMPORARY_PREFIX
from longtake.blobs.ids import abbreviated, is_id
from longtake.durable import flush_folder, replace_file
from longtake.errors import BlobCorrupt, BlobStoreUnavailable

__all__ = ["FileLeases", "Lease"]

_FOLDER = "leases"
_MODE = 0o600
_LOCK = ".lock"
_LOCK_SECONDS = 30.0
_LOCK_POLL_SECONDS = 0.005
_ORPHAN_NS = 3600 * 10**9
"""How long a lease may be over before it is removed though its blob has not come (yet)."""


@frozen
class Lease:
    """``until_ns``: by the file system's clock, since 1970; ``owners``: who pins the blob."""

    until_ns: int
    owners: frozenset[str] = frozenset()


class FileLeases:
    """The leases of the store in ``root``. Raises `OSError` where not said otherwise."""

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, _FOLDER)

    def grant(self, blob_id: str, seconds: float) -> None:
        """Let a lease of the new blob begin now."""
        with suppress(FileExistsError):
            os.mkdir(self._folder, 0o700)
        with self._open_lock() as lock:  # only for the time: nobody else knows the id yet
            until = _now_ns(lock) + int(seconds * 10**9)
        self._write(blob_id, Lease(until))

    def read(self, blob_id: str) -> Lease | None:
        """The lease of the blob, None without one. Raises `BlobCorrupt` when it is damaged."""
        try:
            with open(self._path(blob_id), "rb") as file:
                return _decoded(file.read(), blob_id)
        except FileNotFoundError:
            return None

    def forget(self, blob_id: str) -> None:
        """The blob is gone."""
        with suppress(FileNotFoundError):
            os.unlink(self._path(blob_id))

    def change_owners(
        self, blob_ids: Iterable[str], change: Callable[[frozenset[str]], frozenset[str]]
    ) -> None:
        """Replace the owners of those blobs that have a lease. The lock must be held.

        Raises `BlobCorrupt` when a lease is damaged, and has then replaced none.
        """
        leases = {blob_id: self.read(blob_id) for blob_id in blob_ids}
        changed = False
        for blob_id, lease in leases.items():
            if lease is not None and (owners := change(lease.owners)) != lease.owners:
                self._write(blob_id, evolve(lease, owners=owners), flush=False)
                changed = True
        if changed:
            flush_folder(self._folder)

    def over(self, lock: int | None) -> Iterator[tuple[str, Lease, bool]]:
        """The leases that are over: of which blob, the lease, and whether it is over for long.

        ``lock``: what `locked` gave. Raises `BlobCorrupt` at the first damaged lease.
        """
        if lock is None:
            return
        sweep_folder(self._folder)
        now = _now_ns(lock)
        for blob_id in sorted(filter(is_id, os.listdir(self._folder))):
            lease = self.read(blob_id)
            if lease is not None and lease.until_ns <= now:
                yield blob_id, lease, lease.until_ns + _ORPHAN_NS <= now

    @contextmanager
    def locked(self) -> Iterator[int | None]:
        """Have the leases to oneself; None when there has never been one.

        Raises `BlobStoreUnavailable` when another process keeps the lock for 30 s.
        """
        if not os.path.isdir(self._folder):
            yield None
            return
        with self._open_lock() as lock:
            self._wait_for(lock)
            try:
                yield lock
            finally:  # closing does not give it back while a process forked meanwhile has it open
                fcntl.flock(lock, fcntl.LOCK_UN)

    @contextmanager
    def _open_lock(self) -> Iterator[int]:
        flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW
        lock = os.open(os.path.join(self._folder, _LOCK), flags, _MODE)
        try:
            yield lock
        finally:
            os.close(lock)

    def _wait_for(self, lock: int) -> None:
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno not in {errno.EAGAIN, errno.EACCES}:
                    raise
            if time.monotonic() > end:
                raise BlobStoreUnavailable(
                    f"{self._folder}: another process holds the lock for more than "
                    f"{_LOCK_SECONDS:.0f} s; try again later"
                )
            time.sleep(_LOCK_POLL_SECONDS)

    def _path(self, blob_id: str) -> str:
        return os.path.join(self._folder, blob_id)

    def _write(self, blob_id: str, lease: Lease, *, flush: bool = True) -> None:
        content, path = _encoded(lease, blob_id), self._path(blob_id)
        replace_file(path, content, mode=_MODE, prefix=TEMPORARY_PREFIX, flush=flush)


def _now_ns(lock: int) -> int:
    """The time by the file system's clock, in nanoseconds since 1970."""
    os.utime(lock)
    return os.fstat(lock).st_mtime_ns


def _encoded(lease: Lease, blob_id: str) -> bytes:
    document = {"until_ns": lease.until_ns, "owners": sorted(lease.owners)}
    text = json.dumps(document).encode()
    return _digest(text, blob_id) + b"\n" + text


def _decoded(content: bytes, blob_id: str) -> Lease:
    digest, _, text = content.partition(b"\n")
    if digest != _digest(text, blob_id):
        raise BlobCorrupt(
            f"blob {abbreviated(blob_id)}: the record of who pins it is damaged, so it cannot be "
            "told whether it may be swept; drop the blob, or put it again"
        )
    document = json.loads(text)
    return Lease(document["until_ns"], frozenset(document["owners"]))


def _digest(text: bytes, blob_id: str) -> bytes:
    return hashlib.sha256(blob_id.encode("ascii") + text).hexdigest().encode("ascii")
