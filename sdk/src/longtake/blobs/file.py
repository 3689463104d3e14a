"""A blob store in a folder: durable, shared by processes, read through mapped files."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from urllib.parse import unquote_to_bytes

from longtake.blobs.file_errors import storage_errors
from longtake.blobs.file_format import Header, encode_header
from longtake.blobs.file_layout import Folders, make_root, sweep_litter
from longtake.blobs.file_reading import Verification, read_blob
from longtake.blobs.file_writing import NewFile, unnamed_files_work
from longtake.blobs.hashing import HashWorkers
from longtake.blobs.ids import abbreviated, check_id, new_id
from longtake.blobs.payload import DEFAULT_MIME, BlobData, check_mime, pieces
from longtake.errors import (
    BlobError,
    BlobNotFound,
    BlobStoreUnavailable,
    InvalidBlobId,
    ValidationError,
)

__all__ = ["FileBlobStore", "open_store"]

_URL = re.compile(r"file://(?:localhost)?(/(?:[^?#%]|%[0-9a-f]{2})+)", re.IGNORECASE)


def open_store(url: str) -> FileBlobStore:
    """The store in the folder that ``file:///absolute/folder`` names, percent-encoded.

    Raises `ValidationError` for any other form, and what `FileBlobStore` raises.
    """
    match = _URL.fullmatch(url)
    path = os.fsdecode(unquote_to_bytes(match[1])) if match else ""
    if not path or "\0" in path:
        raise ValidationError(
            "blobs", "a file store is 'file:///absolute/folder' on this machine, percent-encoded"
        )
    return FileBlobStore(path)


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
        self._unnamed = unnamed_files_work(self._root)
        if not self._unnamed:
            sweep_litter(self._root)

    def put(self, data: BlobData, *, mime: str = DEFAULT_MIME) -> str:
        """Store ``data``, any buffer or iterable of buffers, and return its new id.

        Returns when the blob is on stable storage. Raises `ValidationError` for data that are not
        bytes, `BlobStoreFull`, `BlobTooLarge` and `BlobStoreUnavailable`. What an iterable raises
        passes through. Whatever is raised, nothing is kept.
        """
        self._check_open()
        check_mime(mime)
        blob_id = new_id()
        digest = hashlib.sha256()
        with closing(pieces(data)) as views, self._new_file(blob_id) as file:
            for view in views:
                with storage_errors(self._root):
                    self._hashing.overlap(digest, view, file.append)
            header = Header(file.size, digest.digest(), mime, time.time_ns())
            with storage_errors(self._root):
                file.publish(blob_id, encode_header(header, blob_id))
        return blob_id

    def get(self, blob_id: str) -> bytes | memoryview:
        """The bytes under ``blob_id``: a read-only view of the mapped file, or empty bytes.

        The view stays valid when the blob is dropped or the store closed. The digest is verified
        the first time that this store meets the file. Raises `BlobNotFound`, `BlobCorrupt` and
        `BlobStoreUnavailable`.
        """
        self._check_open()
        check_id(blob_id)
        with storage_errors(self._root):
            try:
                with self._folders.existing(blob_id) as folder:
                    blob = read_blob(folder, blob_id)
            except FileNotFoundError:
                raise self._missing(blob_id) from None
        self._verification.check(blob)
        return blob.payload or b""

    def drop(self, blob_id: str) -> None:
        """Forget the blob. Dropping what is absent does nothing."""
        self._check_open()
        check_id(blob_id)
        with (
            storage_errors(self._root),
            suppress(FileNotFoundError),
            self._folders.existing(blob_id) as folder,
        ):
            os.unlink(blob_id, dir_fd=folder)

    def __contains__(self, blob_id: object) -> bool:
        """Whether the blob's file is there; False for whatever is not an id."""
        self._check_open()
        try:
            name = check_id(blob_id)
        except InvalidBlobId:
            return False
        with (
            storage_errors(self._root),
            suppress(FileNotFoundError),
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

    @contextmanager
    def _new_file(self, blob_id: str) -> Iterator[NewFile]:
        with ExitStack() as stack:
            with storage_errors(self._root):
                folder = stack.enter_context(self._folders.made(blob_id))
                file = NewFile(folder, unnamed=self._unnamed)
                stack.callback(file.close)
            yield file

    def _missing(self, blob_id: str) -> BlobError:
        if not os.path.isdir(self._root):
            return BlobStoreUnavailable(f"{self._root}: the store's folder is gone; is it mounted?")
        return BlobNotFound(f"blob {abbreviated(blob_id)}: not in the file store {self._root}")

    def __reduce__(self) -> tuple[type[FileBlobStore], tuple[str]]:
        return type(self), (self._root,)

    def __repr__(self) -> str:
        return f"<FileBlobStore {self._root!r}{', closed' if self._closed else ''}>"
