"""How a blob's file gets onto the disk whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import sys
from contextlib import suppress

from longtake.blobs.records.seal import HEADER_SIZE

__all__ = ["FLUSH_FROM", "TEMPORARY_PREFIX", "NewFile", "unnamed_files_work"]

TEMPORARY_PREFIX = ".tmp-"
"""How the names of files that are being written begin, where they need a name."""

FLUSH_FROM = 8 * 2**20
"""Bytes of one piece from which it is flushed at once; an extra flush costs a millisecond."""

_MODE = 0o600


class NewFile:
    """A file that is being written in ``folder`` (an open descriptor) and has no blob's name yet.

    It has no name at all where the system can do that, so a killed process leaves nothing; else a
    temporary one. Raises `OSError`.
    """

    def __init__(self, folder: int, *, unnamed: bool) -> None:
        self._folder = folder
        self._temporary: str | None = None
        if sys.platform == "linux" and unnamed:
            self._file = os.open(".", os.O_TMPFILE | os.O_RDWR, _MODE, dir_fd=folder)
        else:
            self._temporary = f"{TEMPORARY_PREFIX}{secrets.token_hex(16)}"
            flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_RDWR
            self._file = os.open(self._temporary, flags, _MODE, dir_fd=folder)
        self.size = 0
        """Bytes of payload so far."""

    def append(self, view: memoryview) -> None:
        """Write ``view`` behind the payload so far, a large one as far as the disk.

        So the disk works while another thread computes the digest, and little is left to publish.
        """
        self._write(view, HEADER_SIZE + self.size)
        self.size += len(view)
        if len(view) >= FLUSH_FROM:
            os.fsync(self._file)

    def publish(self, name: str, header: bytes) -> None:
        """Write the header, then make the file durable, visible as ``name``, and durably so."""
        self._write(memoryview(header), 0)
        os.fsync(self._file)
        if self._temporary is None:
            os.link(f"/proc/self/fd/{self._file}", name, dst_dir_fd=self._folder)
        else:
            os.rename(self._temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._temporary = None
        try:
            os.fsync(self._folder)
        except OSError:
            os.unlink(name, dir_fd=self._folder)
            raise

    def close(self) -> None:
        """Let go of the file; unless it was published, nothing remains of it."""
        os.close(self._file)
        if self._temporary is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary, dir_fd=self._folder)

    def _write(self, view: memoryview, offset: int) -> None:
        written = 0
        while written < len(view):
            written += os.pwrite(self._file, view[written:], offset + written)


def unnamed_files_work(root: str) -> bool:
    """Whether files without a name can be made in the folder ``root`` and be named later."""
    if sys.platform != "linux" or not os.path.isdir("/proc/self/fd"):
        return False
    try:
        os.close(os.open(root, os.O_TMPFILE | os.O_RDWR, _MODE))
    except OSError as error:
        # Anything else (no permission, no room) says nothing of the file system; put will meet it.
        return error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT}
    return True
