"""SHA-256 in a standing worker thread, so that hashing a blob and writing it overlap."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

__all__ = ["OVERLAP_FROM", "HashWorkers"]

OVERLAP_FROM = 256 * 1024
"""Bytes from which handing the hash to another thread costs less than it saves."""

_WORKERS = 4


class HashWorkers:
    """Threads that hash, started when first needed, and again in a process that was forked."""

    def __init__(self) -> None:
        self._executor: tuple[int, ThreadPoolExecutor] | None = None

    def overlap(
        self, digest: hashlib._Hash, view: memoryview, write: Callable[[memoryview], None]
    ) -> None:
        """Feed ``view`` to ``digest`` and to ``write``; returns when both are done with it."""
        with self.meanwhile(digest, view):
            write(view)

    @contextmanager
    def meanwhile(self, digest: hashlib._Hash, view: bytes | memoryview) -> Iterator[None]:
        """Feed ``view`` to ``digest`` while the block runs, which also reads it."""
        job = self._submit(digest, view) if len(view) >= OVERLAP_FROM else None
        try:
            yield
        finally:
            if job is not None:
                job.result()
        if job is None:
            digest.update(view)

    def _submit(self, digest: hashlib._Hash, view: bytes | memoryview) -> Future[None] | None:
        """The hash as a job; None where no thread may be started, e.g. at the interpreter's end."""
        pid = os.getpid()
        if self._executor is None or self._executor[0] != pid:
            executor = ThreadPoolExecutor(_WORKERS, thread_name_prefix="longtake-blob-hash")
            self._executor = (pid, executor)
        try:
            return self._executor[1].submit(digest.update, view)
        except RuntimeError:
            return None

    def close(self) -> None:
        """Let the threads end; a later `overlap` hashes in the calling thread."""
        if self._executor is not None and self._executor[0] == os.getpid():
            self._executor[1].shutdown(wait=False)
