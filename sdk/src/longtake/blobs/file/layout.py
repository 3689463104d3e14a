"""Where blobs lie in a file store's folder: ``<root>/<first two characters of the id>/<id>``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from longtake.blobs.file.writing import TEMPORARY_PREFIX
from longtake.durable import flush_folder
from longtake.errors import ValidationError

__all__ = ["Folders", "make_root", "sweep_folder", "sweep_litter"]

_FOLDER_MODE = 0o700
_LITTER_AGE = 3600.0
"""Seconds without a write after which a temporary file belongs to a put that was killed."""


class Folders:
    """The 256 folders of a store. Links in the place of a folder are not followed."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._durable: set[str] = set()

    @contextmanager
    def existing(self, blob_id: str) -> Iterator[int]:
        """The open folder of the blob. Raises `FileNotFoundError` when no blob was put in it."""
        folder = os.open(self._path(blob_id), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            yield folder
        finally:
            os.close(folder)

    @contextmanager
    def made(self, blob_id: str) -> Iterator[int]:
        """The open folder of the blob, made if it is absent, its name on stable storage."""
        path = self._path(blob_id)
        if path not in self._durable or not os.path.isdir(path):
            _make_folder(path)
            self._durable.add(path)
        with self.existing(blob_id) as folder:
            yield folder

    def _path(self, blob_id: str) -> str:
        return os.path.join(self._root, blob_id[:2])


def make_root(root: str) -> None:
    """Make the folder ``root`` if it is absent and its parent is not.

    Raises `OSError`, and `ValidationError` when there is no parent or ``root`` is no folder.
    """
    if os.path.isdir(root):
        return
    try:
        _make_folder(root)
    except (FileNotFoundError, NotADirectoryError):
        raise ValidationError(
            "blobs", f"{root} cannot be made, its parent is no folder; make that first"
        ) from None
    if not os.path.isdir(root):
        raise ValidationError("blobs", f"{root} is not a folder; name another or move it away")


def _make_folder(path: str) -> None:
    """Make a folder, unless it is there, and bring its name to stable storage.

    The latter also when it is there: another process may have made it just now.
    """
    with suppress(FileExistsError):
        os.mkdir(path, _FOLDER_MODE)
    flush_folder(os.path.dirname(path))


def sweep_litter(root: str) -> None:
    """Remove the temporary files of puts that were killed an hour ago or earlier."""
    for shard in _entries(root):
        if shard.is_dir(follow_symlinks=False):
            sweep_folder(shard.path)


def sweep_folder(folder: str) -> None:
    """Remove such files from one folder of the store."""
    newest = time.time() - _LITTER_AGE
    for entry in _entries(folder):
        if entry.name.startswith(TEMPORARY_PREFIX):
            _remove_if_older(entry, newest)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []


def _remove_if_older(entry: os.DirEntry[str], newest: float) -> None:
    with suppress(OSError):  # swept by another process meanwhile, or not ours to remove
        if entry.stat(follow_symlinks=False).st_mtime < newest:
            os.unlink(entry.path)
