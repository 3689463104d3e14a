"""Write a take to a file, segment by segment, so that an interrupted run leaves a playable one."""

from __future__ import annotations

import os
from fractions import Fraction
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from longtake.errors import OutputError
from longtake.files import check_replaceable
from longtake.media.animations import animation_format
from longtake.media.encoder import TakeEncoder, TakeFormat, TakePlace
from longtake.media.formats import CONTAINER_FORMATS, ContainerFormat, container_format
from longtake.media.take_file import TakeFile, reporting
from longtake.media.targets import file_target

__all__ = ["ArrayWriter", "check_output", "check_pictures"]


def check_output(path: str | os.PathLike[str], *, pictures: bool = False) -> ContainerFormat:
    """The container format of ``path``, if a take can be written there, with ``pictures`` or not.

    Nothing is created or changed. Raises :class:`OutputError` for an unknown suffix or one that
    holds no pictures, a path that is a directory, a device or a read-only file, a name that is too
    long, and a parent folder that is missing or not writable.
    """
    name = os.fspath(path)
    check_replaceable(name)
    container = container_format(name)
    if container is None:
        known = " or ".join(CONTAINER_FORMATS)
        problem = f"unknown file type; let the name end in {known}"
        if animation_format(name) is not None:
            problem += f", then make the animation of it: longtake join TAKE -o {name}"
        raise OutputError(name, problem)
    if pictures:
        check_pictures(name, container)
    return container


def check_pictures(name: str, container: ContainerFormat) -> None:
    """Raise `OutputError` when ``container`` holds sound alone."""
    if not container.holds_pictures:
        raise OutputError(name, f"{container.name} holds sound alone; write a .mp4 or .mkv file")


class ArrayWriter:
    """Writes the arrays of a take's segments into one file.

    The suffix of ``path`` chooses the container: ``.mp4`` is H.264 and AAC, ``.mkv`` is lossless
    (FFV1 in RGB and float32 PCM), ``.m4a`` is AAC and ``.wav`` float32 PCM in a take without
    pictures. A file that was at ``path`` stays as it is until the first segment has been stored,
    which replaces it as a whole. From then on the file can be played up to the last segment
    appended, even if the process is killed; :meth:`close` makes it a plain file with an index. Use
    it as a context manager: an exception closes it, too.

    ``fps`` is the exact frame rate, such as ``Fraction(24000, 1001)``. ``place``: where in its take
    the file begins. ``mode``: of the file; by default that of the file which it replaces, or what
    `Settings` say. Raises :class:`OutputError` for a path that :func:`check_output` refuses.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: Fraction,
        place: TakePlace | None = None,
        mode: int | None = None,
    ) -> None:
        self._container = check_output(path)
        self._name = os.fspath(path)
        self._fps = fps
        self._place = place or TakePlace()
        self._target = file_target(os.path.realpath(self._name), self._container, mode=mode)
        self._file: TakeFile | None = None
        self._closed = False

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
        if self._closed:
            problem = "the take is finished; write more segments to another file"
            raise OutputError(self._name, problem)
        take = TakeFormat.of(frames, audio, sample_rate)
        if take.height:
            check_pictures(self._name, self._container)
        if self._file is None:
            with reporting(self._name, "cannot store the segment"):
                encoder = TakeEncoder(self._container, take, self._fps, self._place)
            self._file = TakeFile(self._name, self._target, self._container, encoder)
        self._file.append(frames, audio, sample_rate)

    def close(self) -> None:
        """Finish the file; nothing is left behind when no segment was appended.

        Raises :class:`OutputError` when that fails; the segments appended stay playable.
        """
        self._closed = True
        if self._file is not None:
            self._file.finish()

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
