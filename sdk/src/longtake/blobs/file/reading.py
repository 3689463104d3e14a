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

    _LIMIT = 65536
    """Files remembered before all are forgotten, so that a long-lived store stays small."""

    def __init__(self) -> None:
        self._checks: dict[tuple[object, ...], Future[bool]] = {}

    def check(self, blob: StoredBlob) -> None:
        """Raises `BlobCorrupt` unless the payload has the digest that the header says."""
        if len(self._checks) >= self._LIMIT:
            self._checks.clear()
        # With the process's id, since a fork copies checks that no thread of the child will end.
        key = (os.getpid(), blob.blob_id, *blob.identity)
        mine: Future[bool] = Future()
        check = self._checks.setdefault(key, mine)
        if check is mine:
            try:
                mine.set_result(hashlib.sha256(blob.payload).digest() == blob.stat.sha256)
            except BaseException as error:  # an interrupt, too, must wake those who wait
                self._checks.pop(key, None)
                mine.set_exception(error)
                raise
        if not check.result():
            self._checks.pop(key, None)
            raise BlobCorrupt(
                f"blob {abbreviated(blob.blob_id)}: its payload is not the one that was put"
            )
