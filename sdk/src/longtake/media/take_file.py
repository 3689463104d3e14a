"""A take's file while it grows: what is encoded is stored fragment by fragment, each whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from longtake.errors import OutputError
from longtake.media.encoder import TakeEncoder, TakeFormat
from longtake.media.formats import ContainerFormat
from longtake.media.muxing import Encoded, FragmentMuxer, remux
from longtake.media.notes import append_note, note_bytes
from longtake.media.sound_runs import PendingSound
from longtake.media.targets import Target

__all__ = ["TakeFile", "reporting"]

_NOT_STORED = "cannot store the segment"


class TakeFile:
    """Encodes a take's segments and keeps them in ``target``, with notes between them.

    ``name`` is what errors call it. ``head``: the note that the file begins with. ``fragments``:
    how many the file has already, where it goes on.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        container: ContainerFormat,
        encoder: TakeEncoder,
        *,
        head: bytes | None = None,
        fragments: int = 0,
    ) -> None:
        self._name = name
        self._target = target
        self._container = container
        self._encoder = encoder
        self._head = head
        self._begun = fragments > 0
        self._muxer = FragmentMuxer(
            container,
            encoder.video,
            encoder.audio,
            audio_start=encoder.audio_start,
            fragments=fragments,
        )
        self._failed = False
        self._closed = False

    @property
    def format(self) -> TakeFormat:
        """What all segments have in common."""
        return self._encoder.format

    def append(
        self,
        frames: NDArray[np.uint8],
        audio: NDArray[np.float32] | None,
        sample_rate: int | None,
        note: Callable[[PendingSound], bytes] | None = None,
    ) -> None:
        """Encode one segment and store it durably, as `ArrayWriter.append` does.

        ``note`` makes the note that follows the segment, of the sound that is pending after it.
        What it raises, or an encoder, changes nothing; behind a segment of which perhaps a half
        was stored there can be no other.
        """
        if self._failed:
            problem = "the take failed at an earlier segment; write more segments to another file"
            raise OutputError(self._name, problem)
        self.format.check_continued_by(TakeFormat.of(frames, audio, sample_rate))
        progress = self._encoder.progress
        try:
            with reporting(self._name, _NOT_STORED):
                encoded = self._encoder.encode(frames, audio)
            told = None if note is None else note(self._encoder.pending)
        except BaseException:
            self._encoder.go_back(progress)
            raise
        self._failed = True
        with reporting(self._name, _NOT_STORED):
            self._store(encoded, told)
        self._failed = False

    def finish(self, note: bytes | None = None, tags: Mapping[str, str] | None = None) -> None:
        """Make it a plain file with an index, which ends with ``note`` and has ``tags``."""
        if self._closed:
            return
        self._closed = True
        try:
            with reporting(self._name, "cannot finish the take"):
                if not self._failed:
                    self._store(self._encoder.flush(), None)
                if self._encoder.kinds:  # else there is nothing to make an index of
                    self._target.finish(lambda old, new: self._write(old, new, note, tags))
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the file as it is."""
        self._closed = True
        self._target.close()
        self._encoder.close()

    def _store(self, encoded: Encoded, note: bytes | None) -> None:
        if not encoded and note is None:
            return
        data = b""
        if not self._begun:
            data = self._muxer.header()
            if self._head is not None:
                data += note_bytes(self._container, self._head)
        if encoded:
            data += self._muxer.fragment(encoded)
        if note is not None:
            data += note_bytes(self._container, note)
        self._target.append(data)
        self._begun = True

    def _write(
        self, source: str, target: str, note: bytes | None, tags: Mapping[str, str] | None
    ) -> None:
        remux(
            source,
            target,
            self._container,
            self._encoder.kinds,
            audio_start=self._encoder.audio_start,
            tags=tags,
        )
        if note is not None:
            append_note(target, self._container, note)


@contextlib.contextmanager
def reporting(name: str, what: str) -> Iterator[None]:
    """Turn what FFmpeg and the system raise into an `OutputError` that names the file."""
    try:
        yield
    except (FFmpegError, OSError) as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(name, f"{what}: {error}; the segments before it stay") from error
