"""Write a take to a file, segment by segment, so that an interrupted run leaves a playable one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from io import FileIO
from types import TracebackType

import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from longtake.durable import replace_file, replacement
from longtake.errors import OutputError
from longtake.media.encoder import TakeEncoder, TakeFormat
from longtake.media.formats import CONTAINER_FORMATS, ContainerFormat, container_format
from longtake.media.muxing import Encoded, FragmentMuxer, remux

__all__ = ["TakeWriter", "check_output"]


def check_output(path: str | os.PathLike[str], *, pictures: bool = False) -> ContainerFormat:
    """The container format of ``path``, if a take can be written there, with ``pictures`` or not.

    Nothing is created or changed. Raises :class:`OutputError` for an unknown suffix or one that
    holds no pictures, a path that is a directory or a read-only file, and a parent folder that is
    missing or not writable.
    """
    name = os.fspath(path)
    container = container_format(name)
    target = os.path.realpath(name)
    parent = os.path.dirname(target)
    if os.path.isdir(target):
        raise OutputError(name, "is a directory; name a file in it")
    if container is None:
        known = " or ".join(CONTAINER_FORMATS)
        raise OutputError(name, f"unknown file type; let the name end in {known}")
    if pictures:
        _check_pictures(name, container)
    if not os.path.isdir(parent):
        raise OutputError(name, f"there is no folder {parent}; create it first")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(name, f"the folder {parent} is not writable; choose another one")
    if os.path.exists(target) and not os.access(target, os.W_OK):
        raise OutputError(name, "there is a read-only file; choose another name")
    return container


def _check_pictures(name: str, container: ContainerFormat) -> None:
    if not container.holds_pictures:
        raise OutputError(name, f"{container.name} holds sound alone; write a .mp4 or .mkv file")


class TakeWriter:
    """One encoder for a whole take, to which segments are appended.

    The suffix of ``path`` chooses the container: ``.mp4`` is H.264 and AAC, ``.mkv`` is lossless
    (FFV1 in RGB and float32 PCM), ``.m4a`` is AAC in a take without pictures. A file that was at
    ``path`` stays as it is until the first segment has been stored, which replaces it as a whole.
    From then on the file can be played up to the last segment appended, even if the process is
    killed; :meth:`close` makes it a plain file with an index. Use it as a context manager: an
    exception closes it, too.

    ``fps`` is the exact frame rate, such as ``Fraction(24000, 1001)``. Raises
    :class:`OutputError` for a path that :func:`check_output` refuses.
    """

    def __init__(self, path: str | os.PathLike[str], *, fps: Fraction) -> None:
        self._container = check_output(path)
        self._name = os.fspath(path)
        self._fps = fps
        self._take: TakeFormat | None = None
        self._encoder: TakeEncoder | None = None
        self._muxer: FragmentMuxer | None = None
        self._file = _GrowingFile(os.path.realpath(self._name))
        self._closed = False
        self._failed = False

    def append(
        self,
        frames: NDArray[np.uint8],
        audio: NDArray[np.float32] | None,
        sample_rate: int | None,
    ) -> None:
        """Encode one segment and store it durably.

        ``frames`` is uint8 ``[T, H, W, 3]`` (RGB); ``audio`` is float32 ``[channels, samples]`` in
        -1..1, or None in a take without sound; ``sample_rate`` is in Hz. Either array may be
        empty (no frames go with pictures of any size), and the sound may be longer or shorter than
        the picture: both go on where the segment before ended. A take that begins with sound alone
        has no pictures later. When this returns, all frames so far are on disk, and all sound but
        what AAC holds back to look ahead (at most 3,072 samples).

        Raises :class:`ValidationError` for arrays that do not fit the take, which changes nothing,
        and :class:`OutputError` when the segment cannot be stored; the ones before it stay.
        """
        if self._closed or self._failed:
            why = "is finished" if self._closed else "failed at an earlier segment"
            raise OutputError(self._name, f"the take {why}; write more segments to another file")
        take = TakeFormat.of(frames, audio, sample_rate)
        if take.height:
            _check_pictures(self._name, self._container)
        with self._reporting("cannot store the segment"):
            encoder = self._encoder_for(take)
            # Until it is stored: encoders cannot give back half a segment.
            self._failed = True
            self._store(encoder.encode(frames, audio))
        self._failed = False

    def close(self) -> None:
        """Finish the file; nothing is left behind when no segment was appended.

        Raises :class:`OutputError` when that fails; the segments appended stay playable.
        """
        if self._closed:
            return
        self._closed = True
        if self._encoder is None:
            return
        try:
            with self._reporting("cannot finish the take"):
                if not self._failed:
                    self._store(self._encoder.flush())
                self._file.finish(self._container, self._encoder.kinds)
        finally:
            self._file.close()
            self._encoder.close()

    def __enter__(self) -> TakeWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _encoder_for(self, take: TakeFormat) -> TakeEncoder:
        if self._take is not None:
            self._take.check_continued_by(take)
        if self._encoder is None:
            self._encoder = TakeEncoder(self._container, take, self._fps)
            self._take = take
        return self._encoder

    def _store(self, encoded: Encoded) -> None:
        if not encoded or self._encoder is None:
            return
        if self._muxer is None:
            self._muxer = FragmentMuxer(self._container, self._encoder.video, self._encoder.audio)
            self._file.append(self._muxer.header() + self._muxer.fragment(encoded))
        else:
            self._file.append(self._muxer.fragment(encoded))

    @contextlib.contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            raise OutputError(
                self._name, f"{what}: {error}; the segments before it stay"
            ) from error


class _GrowingFile:
    """A file that takes its name with the first bytes and is whole after each append."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._file: FileIO | None = None

    def append(self, data: bytes) -> None:
        """Write ``data`` at the end and to the disk, all of it or nothing."""
        if self._file is None:
            self._begin(data)
            return
        end = self._file.tell()
        try:
            _write_durably(self._file, data)
        except BaseException:
            self._file.seek(end)
            self._file.truncate()
            raise

    def finish(self, container: ContainerFormat, kinds: frozenset[str]) -> None:
        """Replace the fragments by one plain file that holds the same packets."""
        if self._file is None:
            return
        self.close()
        with replacement(self._target) as temporary:
            remux(self._target, temporary, container, kinds)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self, data: bytes) -> None:
        replace_file(self._target, data)
        # Opened only now, by its own name: not every system renames an open file.
        self._file = FileIO(self._target, "r+")
        self._file.seek(0, os.SEEK_END)


def _write_durably(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())
