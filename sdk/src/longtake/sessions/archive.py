"""The zip file of an export, written and read: stored entries, fixed times, and a seal at the end.

The seal is the archive's comment: the digest of everything before it, so that not one byte of the
file, be it in a header that no reader looks at, can be another one unnoticed.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from attrs import frozen

from longtake.errors import LongtakeError, ValidationError, shown, text_of
from longtake.files import open_regular
from longtake.sessions.manifest import BLOB_ENTRY, MANIFEST, STATE_ENTRY, EntryFacts

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Archive", "EntryWriter", "opened_archive", "seal"]

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100600 << 16
_UNIX = 3
_END = struct.Struct("<4s4H2LH")
"""Of a zip file: signature, two numbers of disks, two of entries, size and place of the directory,
and the length of the comment."""
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_BEFORE_END = 76
"""Bytes of the two records for large files, which may stand before the end."""
_DIRECTORY_SIZE = slice(40, 48)
"""In those records."""
_SEAL = "longtake session export 1 sha256:"
_SEAL_LENGTH = len(_SEAL) + 64
_SEALED = re.compile(rb"longtake session export 1 sha256:([0-9a-f]{64})")
_MOST_DIRECTORY = 2**26
"""Bytes of the directory, which a reader has in memory; 500,000 entries have less."""
_PIECE = 2**20
_WHOLE_FILE = "the file is damaged, or is no session that 'longtake sessions export' wrote"


class EntryWriter:
    """Writes entries into ``file``, the same bytes for the same entries, and counts them."""

    def __init__(self, file: BinaryIO) -> None:
        self._zip = ZipFile(file, "w", ZIP_STORED)
        self.entries: dict[str, EntryFacts] = {}

    def write(self, name: str, data: ReadableBuffer) -> None:
        """Add an entry."""
        with memoryview(data).cast("B") as view:
            info = ZipInfo(name, _EARLIEST)
            info.external_attr, info.create_system = _MODE, _UNIX
            info.file_size = len(view)
            with self._zip.open(info, "w") as entry:
                for start in range(0, len(view), _PIECE):
                    entry.write(view[start : start + _PIECE])
            digest = hashlib.sha256(view).hexdigest()
            self.entries[name] = EntryFacts(size=len(view), sha256=digest)

    def __enter__(self) -> EntryWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()  # which writes the directory


def seal(file: BinaryIO) -> None:
    """Put the digest of the whole zip file, which has no comment yet, behind it."""
    size = file.seek(0, os.SEEK_END)
    digest = _digest(file, size - 2)  # all but the length of the comment
    file.seek(size - 2)
    file.write(struct.pack("<H", _SEAL_LENGTH) + f"{_SEAL}{digest}".encode())


@frozen
class Archive:
    """An export that is open for reading. ``name``: of the file, for errors."""

    name: str
    _file: BinaryIO
    _zip: ZipFile

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each entry in bytes, by its name."""
        return {info.filename: info.file_size for info in self._zip.infolist()}

    def at(self, entry: str) -> str:
        """The path of an entry, for errors."""
        return f"{self.name}/{entry}"

    def read(self, entry: str, at_most: int) -> bytes:
        """An entry as a whole. Raises `ValidationError` for a damaged or a larger one."""
        size = self._zip.getinfo(entry).file_size
        if size > at_most:
            problem = f"has {size} bytes; at most {at_most} are read"
            raise ValidationError(self.at(entry), problem)
        with _damage_of(self.at(entry)), self._zip.open(entry) as stream:
            data = stream.read(size + 1)
        if len(data) != size:
            raise ValidationError(self.at(entry), "is damaged: it ends too early")
        return data

    def pieces(self, entry: str, facts: EntryFacts) -> Iterator[bytes]:
        """The bytes of an entry, piece by piece.

        Raises `ValidationError` before its end when they are not those that ``facts`` say.
        """
        digest, size = hashlib.sha256(), 0
        with _damage_of(self.at(entry)), self._zip.open(entry) as stream:
            while piece := stream.read(min(_PIECE, facts.size - size + 1)):
                size += len(piece)
                digest.update(piece)
                if size > facts.size:
                    break
                yield piece
        if (size, digest.hexdigest()) != (facts.size, facts.sha256):
            raise ValidationError(
                self.at(entry), f"is damaged: its bytes are not the {facts.size} that were exported"
            )

    def check_seal(self) -> None:
        """Raise `ValidationError` unless every byte of the file is as it was written."""
        end = os.fstat(self._file.fileno()).st_size - _SEAL_LENGTH
        self._file.seek(end)
        sealed = _SEALED.fullmatch(self._file.read(_SEAL_LENGTH))
        if sealed is None or _digest(self._file, end - 2) != sealed[1].decode():
            raise ValidationError(self.name, _WHOLE_FILE)


@contextmanager
def opened_archive(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """The export in the file ``path``, whose entries have names and forms that exports have.

    Nothing is unpacked, and an entry's bytes are not looked at. Raises `ValidationError` naming the
    file, or the entry in it.
    """
    name = os.fspath(path)
    try:
        file = open_regular(name)
    except OSError as error:
        raise ValidationError(name, f"cannot be read: {error.strerror or error}") from None
    with file:
        _check_end(name, file)
        with _damage_of(name):
            opened = ZipFile(file)
        with opened:
            archive = Archive(name, file, opened)
            _check_entries(archive, opened.infolist(), os.fstat(file.fileno()).st_size)
            yield archive


def _check_end(name: str, file: BinaryIO) -> None:
    """Refuse a file that does not end as exports do, before its directory is read."""
    size = file.seek(0, os.SEEK_END)
    end = size - _SEAL_LENGTH - _END.size
    if end < 0:
        raise ValidationError(name, _WHOLE_FILE)
    file.seek(end)
    signature, *disks, here, in_all, directory, _, comment = _END.unpack(file.read(_END.size))
    is_end = (signature, disks, here, comment) == (_END_SIGNATURE, [0, 0], in_all, _SEAL_LENGTH)
    if not is_end or _SEALED.fullmatch(file.read(_SEAL_LENGTH)) is None:
        raise ValidationError(name, _WHOLE_FILE)
    file.seek(max(0, end - _BEFORE_END))
    before = file.read(_BEFORE_END)
    if before[-20:].startswith(_LOCATOR_SIGNATURE):
        directory = int.from_bytes(before[_DIRECTORY_SIZE], "little")
    if directory > _MOST_DIRECTORY:
        problem = f"has a directory of {directory} bytes; at most {_MOST_DIRECTORY} are read"
        raise ValidationError(name, problem)


def _check_entries(archive: Archive, infos: Iterable[ZipInfo], size: int) -> None:
    """Refuse entries of other names and forms, and more bytes than the file has."""
    names: set[str] = set()
    left = size
    for info in infos:
        where = archive.at(info.filename)
        if not _is_entry(info.filename) or info.orig_filename != info.filename:
            raise ValidationError(archive.name, f"has an entry {shown(info.filename)} in it")
        if info.filename in names:
            raise ValidationError(where, "is there twice")
        names.add(info.filename)
        form = info.compress_type, info.flag_bits, info.external_attr, info.file_size
        if form != (ZIP_STORED, 0, _MODE, info.compress_size):
            raise ValidationError(where, "is compressed, encrypted or no plain file")
        left -= info.file_size
        if left < 0:
            raise ValidationError(where, "has more bytes than there are in the file")
    if MANIFEST not in names:
        raise ValidationError(archive.name, f"has no {MANIFEST}, so it is no exported session")


def _is_entry(name: str) -> bool:
    return name == MANIFEST or any(form.fullmatch(name) for form in (BLOB_ENTRY, STATE_ENTRY))


@contextmanager
def _damage_of(path: str) -> Iterator[None]:
    """What a zip reader raises for a file that somebody has made is a `ValidationError`."""
    try:
        yield
    except LongtakeError:
        raise
    except Exception as error:  # isolation: its errors for damaged files are of a dozen kinds
        raise ValidationError(path, f"is damaged: {text_of(error)}") from error


def _digest(file: BinaryIO, stop: int) -> str:
    """Of the first ``stop`` bytes."""
    digest = hashlib.sha256()
    file.seek(0)
    while stop > 0 and (piece := file.read(min(_PIECE, stop))):
        digest.update(piece)
        stop -= len(piece)
    return digest.hexdigest()
