"""Where a session's picture and sound are kept, segment by segment, before the segment counts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, Protocol, cast, runtime_checkable

from attrs import field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError
from longtake.runs.results import GenerationResult
from longtake.takes.writer import TakeWriter

__all__ = ["BlobMedia", "MadeSegment", "MediaSink", "NeverFinishes", "may_finish"]

_IN_MEMORY = 2**26
_PIECE = 2**20


@frozen(kw_only=True, eq=False)
class MadeSegment:
    """A segment that was made and is not committed yet.

    - ``session_id``, ``index``: which segment of which session it would be.
    - ``result``: its new frames and sound.
    - ``state_digest``: of the state after it. ``begins_after``: of the one that it goes on from;
      None for the first. They are the same in every store, so parts join wherever they lie.
    - ``finish``: makes the end of the take, were this its last segment: the sound that it holds
      back, as `Pipeline.finish`. None where the family holds nothing back. It takes the pipeline's
      time, so a sink calls it, before all else, if its takes may end at any segment.
    - ``family``, ``preset`` (with its version), ``model`` (a fingerprint), ``versions``: its maker.
    """

    session_id: str
    index: int
    result: GenerationResult
    state_digest: str | None = None
    begins_after: str | None = None
    finish: Callable[[], GenerationResult] | None = field(default=None, repr=False)
    family: str = ""
    preset: str = ""
    model: str | None = None
    versions: Mapping[str, str] = field(factory=dict, repr=False)


@runtime_checkable
class MediaSink(Protocol):
    """Keeps the picture and the sound of segments for `roll`."""

    def keep(self, made: MadeSegment, blobs: BlobStore | None) -> Sequence[str]:
        """Keep them on stable storage, and say where: ids of blobs that were put, or URLs.

        ``blobs``: that of `roll`. What is put into it belongs to the segment: it goes when the
        segment is not committed, and is kept as long as the segment is. What else is kept may be of
        a segment that is never committed, or is made again.
        """
        ...


@runtime_checkable
class NeverFinishes(Protocol):
    """Power of a `MediaSink`: to say whether it needs the pipeline.

    Without this power, the pipeline is free for the next segment when the sink has called the
    ``finish`` of a `MadeSegment`, or has kept the segment.
    """

    @property
    def never_finishes(self) -> bool:
        """Whether ``finish`` is never called, so that the pipeline is free from the beginning."""
        ...


def may_finish(media: MediaSink | None) -> bool:
    """Whether the sink may call `MadeSegment.finish`."""
    if media is None:
        return False
    return not (isinstance(media, NeverFinishes) and media.never_finishes)


class BlobMedia:
    """The `MediaSink` that makes each segment one blob: lossless Matroska, as `TakeWriter` writes.

    Each is a part of the take, so ``longtake join`` makes one file of several, if the family says
    where in the take its segments begin.
    """

    never_finishes = True

    def keep(self, made: MadeSegment, blobs: BlobStore | None) -> Sequence[str]:
        """As `MediaSink.keep`. Raises `ValidationError` without a store, and what that raises."""
        if blobs is None:
            raise ValidationError("blobs", "give the store where the media are to be kept")
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            _write_part(made, cast(BinaryIO, file))
            file.seek(0)
            return (blobs.put(_pieces(cast(BinaryIO, file)), mime="video/x-matroska"),)


def _write_part(made: MadeSegment, file: BinaryIO) -> None:
    job = made.result.job
    with TakeWriter(
        file,
        format=".mkv",
        family=made.family,
        preset=made.preset,
        model=made.model,
        versions=made.versions,
        seed=None if job is None else job.sampling.seed,
        begins_after=made.begins_after,
    ) as writer:
        writer.append(made.result, state=made.state_digest)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece
