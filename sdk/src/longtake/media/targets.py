"""Where a growing take goes: into a file, or down a stream."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from io import BytesIO, FileIO
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol

from longtake.durable import flush_folder, replacement
from longtake.media.formats import ContainerFormat
from longtake.media.names import free_name
from longtake.media.wav import flowing, join_chunks
from longtake.settings import Settings

__all__ = ["FileTarget", "StreamTarget", "Target", "file_target", "stream_target"]

logger = logging.getLogger(__name__)

Identity = tuple[int, int] | None


class Target(Protocol):
    """Takes the bytes of a file that grows by whole fragments."""

    def append(self, data: bytes) -> None:
        """Keep ``data`` at the end, all of it or nothing. Raises `OSError`."""
        ...

    def finish(self, write: Callable[[str, str], None]) -> None:
        """Let ``write(source, target)`` make the finished file of what there is, where it can."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


class FileTarget:
    """A file that takes its name with the first bytes and is whole after each append.

    Someone may remove or replace it meanwhile. What is in the open file is then kept under a free
    name beside, a warning says so, and the take goes on there: ``path`` is where it is. ``mode``:
    of the file, as in `longtake.durable.replacement`.

    What was at ``path`` at the beginning is replaced as a whole by the first append, behind what
    ``beginning(old, new)`` writes. Or it is added to, behind its first ``goes_on_from`` bytes.

    ``join(pieces, new)``: makes one file of what there is and what is appended, where the one
    cannot just be put behind the other; the file is then replaced by each append.
    """

    def __init__(
        self,
        path: str,
        *,
        mode: int | None,
        beginning: Callable[[BinaryIO, BinaryIO], None] | None = None,
        goes_on_from: int | None = None,
        join: Callable[[Sequence[BinaryIO], BinaryIO], None] | None = None,
    ) -> None:
        self.path = path
        self._mode = mode
        self._file: FileIO | None = None
        self._found = _identity(path)
        self._beginning = beginning
        self._join = join
        # What is there now, even if someone takes it away.
        self._old = None if beginning is None else open(path, "rb")  # noqa: SIM115
        if goes_on_from is not None:
            self._open()
            self._end = goes_on_from

    def append(self, data: bytes) -> None:
        if self._file is None:
            self._begin(data)
            return
        file = self._rescued(self._file)
        if self._join is not None:
            self._replace([file], self._join, data)
            return
        file.seek(self._end)
        try:
            file.truncate()
            _write_durably(file, data)
        except BaseException:
            file.truncate(self._end)
            raise
        self._end = file.tell()

    def finish(self, write: Callable[[str, str], None]) -> None:
        if self._file is None:
            return
        self._rescued(self._file)
        self.close()
        with replacement(self.path, mode=self._mode, where=self._place) as temporary:
            write(self.path, temporary)

    def close(self) -> None:
        for file in (self._file, self._old):
            if file is not None:
                file.close()
        self._file = self._old = None

    def _begin(self, data: bytes) -> None:
        if self._join is None:
            self._replace((), self._write_after_beginning, data)
            return
        with TemporaryFile(dir=os.path.dirname(self.path)) as before:
            self._write_beginning(before)
            self._replace([before], self._join, data)

    def _replace(
        self,
        before: Sequence[BinaryIO | FileIO],
        write: Callable[[Sequence[BinaryIO], BinaryIO], None],
        data: bytes,
    ) -> None:
        made: FileIO | None = None
        try:
            with replacement(self.path, mode=self._mode, where=self._place) as temporary:
                with open(temporary, "r+b") as file:
                    write([*before, BytesIO(data)], file)
                if os.name == "posix":  # not every system renames an open file
                    made = FileIO(temporary, "r+")
        except BaseException:
            if made is not None:
                made.close()
            raise
        self.close()
        self._open(made)

    def _write_beginning(self, file: BinaryIO) -> None:
        if self._beginning is not None and self._old is not None:
            self._beginning(self._old, file)

    def _write_after_beginning(self, pieces: Sequence[BinaryIO], file: BinaryIO) -> None:
        self._write_beginning(file)
        for piece in pieces:
            shutil.copyfileobj(piece, file)

    def _open(self, made: FileIO | None = None) -> None:
        """Go on in the file at ``path``. ``made``: that which was put there, if it is open yet."""
        self._file = FileIO(self.path, "r+") if made is None else made
        self._end = self._file.seek(0, os.SEEK_END)
        found = os.fstat(self._file.fileno())
        self._found = found.st_dev, found.st_ino

    def _place(self) -> str:
        """Where a file is renamed to: not over one that someone has put there meanwhile."""
        if _identity(self.path) != self._found:
            self._move_to_free_name("was taken away or replaced")
        return self.path

    def _create(self, path: str) -> None:
        mode = Settings.from_environment().file_mode if self._mode is None else self._mode
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.chmod(path, mode)

    def _rescued(self, file: FileIO) -> FileIO:
        """The open file; a copy of it under a free name when it is no longer at ``path``."""
        found = _identity(self.path)
        if found == self._found:
            return file
        end, self._file = self._end, None
        self._move_to_free_name("was removed" if found is None else "was replaced")
        with file, open(self.path, "r+b") as copy:
            file.seek(0)
            shutil.copyfileobj(file, copy)
            copy.flush()
            os.fsync(copy.fileno())
        flush_folder(os.path.dirname(self.path))
        self._open()
        self._end = end
        assert self._file is not None
        return self._file

    def _move_to_free_name(self, why: str) -> None:
        old, made = self.path, False
        while not made:  # someone may be faster
            self.path = free_name(old)
            with contextlib.suppress(FileExistsError):
                self._create(self.path)
                made = True
        self._found = _identity(self.path)
        logger.warning("%s %s while the take was rolling; all of it is in %s", old, why, self.path)


class StreamTarget:
    """A binary stream that is written to and never read: each fragment goes out at once.

    ``flowing``: makes of a fragment what a stream has of it, where that is something else.
    """

    def __init__(self, stream: BinaryIO, flowing: Callable[[bytes], bytes] | None = None) -> None:
        self._stream = stream
        self._flowing = flowing

    def append(self, data: bytes) -> None:
        rest = memoryview(data if self._flowing is None else self._flowing(data))
        while rest:
            written = self._stream.write(rest)
            if written is None:
                raise OSError("the stream does not block; give one that does")
            rest = rest[written:]
        self._stream.flush()

    def finish(self, write: Callable[[str, str], None]) -> None:
        """Nothing: what has gone out is whole."""

    def close(self) -> None:
        """Nothing: the stream is its owner's."""


def file_target(
    path: str,
    container: ContainerFormat,
    *,
    mode: int | None,
    beginning: Callable[[BinaryIO, BinaryIO], None] | None = None,
    goes_on_from: int | None = None,
) -> FileTarget:
    """A `FileTarget` for that kind of file."""
    join = join_chunks if container.note_kind == "chunk" else None
    return FileTarget(path, mode=mode, beginning=beginning, goes_on_from=goes_on_from, join=join)


def stream_target(stream: BinaryIO, container: ContainerFormat) -> StreamTarget:
    """A `StreamTarget` for that kind of file."""
    return StreamTarget(stream, flowing if container.note_kind == "chunk" else None)


def _identity(path: str) -> Identity:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_durably(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())
