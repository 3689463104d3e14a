"""How a blob's file is opened, checked and mapped."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import stat
import sys
from concurrent.futures import Future

from attrs import frozen

from longtake.blobs.ids import abbreviated
from longtake.blobs.powers import BlobStat
from longtake.blobs.records.seal import HEADER_SIZE, decode_seal
from longtake.errors import BlobCorrupt

__all__ = ["StoredBlob", "Verification", "read_blob"]

# A link must not lead out of the store, and a pipe in the place of a file must not block.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@frozen
class StoredBlob:
    """A blob's file: what its seal says, its mapped payload, what tells it from others."""

    blob_id: str
    stat: BlobStat
    payload: memoryview
    identity: tuple[int, int, int]
    """Inode, size in bytes, time of the last change in nanoseconds."""


def read_blob(folder: int, blob_id: str) -> StoredBlob:
    """The file ``blob_id`` in the open folder ``folder``, its header and size checked.

    Raises `BlobCorrupt`, and `OSError`, of which `FileNotFoundError` when the blob is absent.
    """
    file = _opened(folder, blob_id)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _not_a_file(blob_id)
        stat_of_blob = decode_seal(os.pread(file, HEADER_SIZE, 0), blob_id, HEADER_SIZE)
        if status.st_size != HEADER_SIZE + stat_of_blob.size:
            raise BlobCorrupt(
                f"blob {abbreviated(blob_id)}: its file has {status.st_size} bytes, "
                f"{HEADER_SIZE + stat_of_blob.size} were written"
            )
        payload = memoryview(_mapped(file))[HEADER_SIZE:]
    finally:
        os.close(file)
    identity = (status.st_ino, status.st_size, status.st_mtime_ns)
    return StoredBlob(blob_id, stat_of_blob, payload, identity)


def _opened(folder: int, blob_id: str) -> int:
    try:
        return os.open(blob_id, _FLAGS, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link, a socket
            raise _not_a_file(blob_id) from error
        raise


def _not_a_file(blob_id: str) -> BlobCorrupt:
    return BlobCorrupt(f"blob {abbreviated(blob_id)}: something that is no file has its name")


def _mapped(file: int) -> mmap.mmap:
    if sys.version_info >= (3, 13):  # before, each mapping keeps a descriptor
        return mmap.mmap(file, 0, access=mmap.ACCESS_READ, trackfd=False)
    return mmap.mmap(file, 0, access=mmap.ACCESS_READ)


class Verification:
    """The digest of each file, computed once in this process however many threads ask."""

    _LIMIT = 4096
    """Files remembered before all are forgotten, so that a long-lived store stays small."""

    def __init__(self) -> None:
        self._running: dict[tuple[object, ...], Future[bool]] = {}
        self._sound: dict[tuple[object, ...], None] = {}

    def check(self, blob: StoredBlob) -> None:
        """Raises `BlobCorrupt` unless the payload has the digest that the header says."""
        # With the process's id, since a fork copies checks that no thread of the child will end.
        key = (os.getpid(), blob.blob_id, *blob.identity)
        if key not in self._sound and not self._is_sound(key, blob):
            raise BlobCorrupt(
                f"blob {abbreviated(blob.blob_id)}: its payload is not the one that was put"
            )

    def _is_sound(self, key: tuple[object, ...], blob: StoredBlob) -> bool:
        """What the one thread finds out that comes first; the others wait for it."""
        mine: Future[bool] = Future()
        check = self._running.setdefault(key, mine)
        if check is not mine:
            return check.result()
        try:
            # Who was first may have ended between the caller's look and this one's turn.
            sound = key in self._sound or self._matches(blob)
            if sound:
                self._remember(key)
            mine.set_result(sound)
        except BaseException as error:  # an interrupt, too, must wake those who wait
            mine.set_exception(error)
            raise
        finally:
            self._running.pop(key, None)
        return sound

    @staticmethod
    def _matches(blob: StoredBlob) -> bool:
        return hashlib.sha256(blob.payload).digest() == blob.stat.sha256

    def _remember(self, key: tuple[object, ...]) -> None:
        if len(self._sound) >= self._LIMIT:
            self._sound.clear()
        self._sound[key] = None
