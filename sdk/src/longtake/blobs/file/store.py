"""A blob store in a folder: durable, shared by processes, read through mapped files."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from longtake.blobs.failures import storage_errors
from longtake.blobs.file.layout import Folders, make_root, sweep_litter
from longtake.blobs.file.leases import FileLeases
from longtake.blobs.file.reading import StoredBlob, Verification, read_blob
from longtake.blobs.file.writing import NewFile, unnamed_files_work
from longtake.blobs.hashing import HashWorkers
from longtake.blobs.ids import abbreviated, check_id, new_id
from longtake.blobs.leases import check_lease, check_limit, check_owner
from longtake.blobs.payload import DEFAULT_MIME, BlobData, check_mime, pieces
from longtake.blobs.powers import BlobPath, BlobStat, check_range
from longtake.blobs.records.seal import HEADER_SIZE, encode_seal
from longtake.blobs.urls import local_path
from longtake.errors import (
    BlobError,
    BlobNotFound,
    BlobStoreUnavailable,
    InvalidBlobId,
)

__all__ = ["FileBlobStore", "open_store"]


def open_store(url: str) -> FileBlobStore:
    """The store in the folder that ``file:///absolute/folder`` names, percent-encoded.

    Raises `ValidationError` for any other form, and what `FileBlobStore` raises.
    """
    return FileBlobStore(local_path(url, scheme="file"))


class FileBlobStore:
    """Blobs as files under ``root``, for any number of threads and processes.

    ``root`` is made, for its owner only, if its parent exists. Needs a POSIX system. Pickled, it
    is its root. Raises `ValidationError` when ``root`` cannot be a folder, `BlobStoreUnavailable`
    when the system refuses.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(root)
        self._closed = False
        with storage_errors(self._root):
            make_root(self._root)
        self._folders = Folders(self._root)
        self._hashing = HashWorkers()
        self._verification = Verification()
        self._leases = FileLeases(self._root)
        self._unnamed = unnamed_files_work(self._root)
        if not self._unnamed:
            sweep_litter(self._root)

    def put(
        self, data: BlobData, *, mime: str = DEFAULT_MIME, lease_seconds: float | None = None
    ) -> str:
        """Store ``data``, any buffer or iterable of buffers, and return its new id.

        Returns when the blob is on stable storage. ``lease_seconds``: as `SupportsLeases.put`.
        Raises `ValidationError` for data that are not bytes, `BlobStoreFull`, `BlobTooLarge` and
        `BlobStoreUnavailable`. What an iterable raises passes through. Whatever is raised, nothing
        is kept.
        """
        self._check_open()
        check_mime(mime)
        check_lease(lease_seconds)
        blob_id = new_id()
        digest = hashlib.sha256()
        with closing(pieces(data)) as views, self._new_file(blob_id) as file:
            for view in views:
                with storage_errors(self._root):
                    self._hashing.overlap(digest, view, file.append)
            stat_of_blob = BlobStat(file.size, digest.digest(), mime, time.time_ns())
            seal = encode_seal(stat_of_blob, blob_id, HEADER_SIZE)
            with storage_errors(self._root), self._lease(blob_id, lease_seconds):
                file.publish(blob_id, seal)
        return blob_id

    def get(self, blob_id: str) -> bytes | memoryview:
        """The bytes under ``blob_id``: a read-only view of the mapped file, or empty bytes.

        The view stays valid when the blob is dropped or the store closed. The digest is verified
        the first time that this store meets the file. Raises `BlobNotFound`, `BlobCorrupt` and
        `BlobStoreUnavailable`.
        """
        blob = self._stored(blob_id)
        self._verification.check(blob)
        return blob.payload or b""

    def get_range(self, blob_id: str, start: int, stop: int) -> bytes | memoryview:
        """Bytes ``start`` to ``stop`` of what `get` gives. Raises like `get`.

        The whole digest is verified, the first time. `ValidationError` unless
        ``0 <= start <= stop``.
        """
        check_range(start, stop)
        return memoryview(self.get(blob_id))[start:stop]

    def stat(self, blob_id: str) -> BlobStat:
        """Size, digest, mime type and time of the blob, from its header page. Raises like `get`."""
        return self._stored(blob_id).stat

    def path(self, blob_id: str) -> BlobPath:
        """The blob's file; its bytes begin after one page. Not verified. Raises like `get`."""
        size = self._stored(blob_id).stat.size
        return BlobPath(Path(self._root, blob_id[:2], blob_id), HEADER_SIZE, size)

    def drop(self, blob_id: str) -> None:
        """Forget the blob. Dropping what is absent does nothing."""
        self._check_open()
        check_id(blob_id)
        with storage_errors(self._root):
            with self._absence_allowed(), self._folders.existing(blob_id) as folder:
                os.unlink(blob_id, dir_fd=folder)
            self._leases.forget(blob_id)  # also one whose blob was gone

    def pin(self, blob_ids: Iterable[str], owner: str) -> None:
        """Keep the blobs for ``owner``; all or none. Raises as `SupportsLeases.pin`."""
        self._check_open()
        check_owner(owner)
        wanted = [check_id(blob_id) for blob_id in blob_ids]
        with storage_errors(self._root), self._leases.locked() as lock:
            for blob_id in wanted:
                if blob_id not in self:
                    raise self._missing(blob_id)
            if lock is not None:
                self._leases.change_owners(wanted, lambda owners: owners | {owner})

    def unpin(self, blob_ids: Iterable[str], owner: str) -> None:
        """``owner`` needs the blobs no longer; what is gone is passed over."""
        self._check_open()
        check_owner(owner)
        wanted = [check_id(blob_id) for blob_id in blob_ids]
        with storage_errors(self._root), self._leases.locked() as lock:
            if lock is not None:
                self._leases.change_owners(wanted, lambda owners: owners - {owner})

    def sweep(self, *, limit: int | None = None) -> int:
        """Drop blobs whose lease is over and that nobody pins. As `SupportsLeases.sweep`."""
        self._check_open()
        check_limit(limit)
        dropped = 0
        with storage_errors(self._root), self._leases.locked() as lock:
            for blob_id, lease, is_orphan in self._leases.over(lock):
                if dropped == limit:
                    break
                if blob_id not in self:
                    if is_orphan:
                        self._leases.forget(blob_id)
                elif not lease.owners:
                    self.drop(blob_id)
                    dropped += 1
        return dropped

    def __contains__(self, blob_id: object) -> bool:
        """Whether the blob's file is there; False for whatever is not an id."""
        self._check_open()
        try:
            name = check_id(blob_id)
        except InvalidBlobId:
            return False
        with (
            storage_errors(self._root),
            self._absence_allowed(),
            self._folders.existing(name) as folder,
        ):
            return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        return False

    def close(self) -> None:
        """Let its threads end. Closing again does nothing; any other use raises `BlobError`."""
        self._closed = True
        self._hashing.close()

    def _check_open(self) -> None:
        if self._closed:
            raise BlobError(f"the file blob store {self._root} is closed; open it again")

    def _stored(self, blob_id: str) -> StoredBlob:
        self._check_open()
        check_id(blob_id)
        with storage_errors(self._root):
            try:
                with self._folders.existing(blob_id) as folder:
                    return read_blob(folder, blob_id)
            except FileNotFoundError:
                raise self._missing(blob_id) from None

    @contextmanager
    def _lease(self, blob_id: str, seconds: float | None) -> Iterator[None]:
        """Grant the lease, if one is asked for, before the blob can be seen."""
        if seconds is None:
            yield
            return
        self._leases.grant(blob_id, seconds)
        try:
            yield
        except BaseException:
            self._leases.forget(blob_id)
            raise

    @contextmanager
    def _new_file(self, blob_id: str) -> Iterator[NewFile]:
        with ExitStack() as stack:
            with storage_errors(self._root):
                folder = stack.enter_context(self._folders.made(blob_id))
                file = NewFile(folder, unnamed=self._unnamed)
                stack.callback(file.close)
            yield file

    @contextmanager
    def _absence_allowed(self) -> Iterator[None]:
        """A file may not be there, but the store must be."""
        try:
            yield
        except FileNotFoundError:
            self._check_root()

    def _check_root(self) -> None:
        if not os.path.isdir(self._root):
            raise BlobStoreUnavailable(f"{self._root}: the store's folder is gone; is it mounted?")

    def _missing(self, blob_id: str) -> BlobNotFound:
        self._check_root()
        return BlobNotFound(f"blob {abbreviated(blob_id)}: not in the file store {self._root}")

    def __reduce__(self) -> tuple[type[FileBlobStore], tuple[str]]:
        return type(self), (self._root,)

    def __repr__(self) -> str:
        return f"<FileBlobStore {self._root!r}{', closed' if self._closed else ''}>"
