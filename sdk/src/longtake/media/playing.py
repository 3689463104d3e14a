"""Play a take: its frames and its sound one after another, never all at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.reader import as_planes, pictures_of

__all__ = ["frames_of", "sound_of", "title_of"]


def frames_of(path: str | os.PathLike[str]) -> Iterator[NDArray[np.uint8]]:
    """The frames of a take's file, each uint8 RGB ``[H, W, 3]``; none in sound alone.

    Raises `ValidationError` naming the file when it cannot be decoded.
    """
    with _playing(path) as container:
        yield from pictures_of(container)


def sound_of(path: str | os.PathLike[str]) -> Iterator[NDArray[np.float32]]:
    """The sound of a take's file in pieces, each float32 ``[channels, samples]``.

    What fills the last AAC packet is there, too. Raises `ValidationError` as `frames_of` does.
    """
    with _playing(path) as container:
        for stream in container.streams.audio:
            for frame in container.decode(stream):
                yield as_planes(frame)


def title_of(path: str | os.PathLike[str]) -> str | None:
    """The title that players show; None in a file without one, as a growing one is."""
    with _playing(path) as container:
        return container.metadata.get("title")


@contextmanager
def _playing(path: str | os.PathLike[str]) -> Iterator[InputContainer]:
    name = os.fspath(path)
    try:
        with av.open(os.path.abspath(name)) as container:
            yield container
    except (FFmpegError, OSError) as error:
        reason = error.strerror or error
        raise ValidationError(name, f"cannot be played: {reason}") from None
