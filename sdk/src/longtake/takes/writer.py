"""Write a take to a file or a stream, result by result, so that it can be gone on with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from longtake.errors import OutputError, ValidationError
from longtake.runs.results import GenerationResult
from longtake.states.state import ContinuationState
from longtake.takes.record import TakeRecord, TakeRequest

if TYPE_CHECKING:
    from longtake.takes.growing import GrowingTake

__all__ = ["TakeWriter"]


class TakeWriter:
    """Writes the results of a take, segment after segment, into one file or stream.

    ``target`` is a path, whose suffix chooses the container: ``.mp4`` (H.264 and AAC), ``.mkv``
    (lossless), and for sound alone also ``.m4a`` (AAC) and ``.wav`` (float32). Or it is a writable
    binary stream, which need not seek; ``format`` is the suffix then, and each segment goes out as
    it comes. A file is playable up to the last segment appended, even if the process is killed;
    `finish` and `close` make it a plain one with an index. It is begun with the first result, and
    one that is already at ``path`` is refused, unless ``overwrite`` says that it may be replaced.

    The file keeps a record, which `read_take_record` reads: what it holds of which take, and the
    facts given here. ``fps``: by default that of the first result. ``family``, ``preset`` (with its
    version), ``model`` (a fingerprint), ``versions`` (of distributions) and ``seed`` (the take's):
    what makes it. ``asked``: what it is asked for with. ``planned``: the prompts of the whole take.
    ``begins_after``: the state that the first result goes on from, or its digest. ``title``: shown
    by players, by default the first prompt. ``mode``: of the file; by default that of the file
    which it replaces, or what ``LONGTAKE_FILE_MODE`` says.

    Use it as a context manager: an exception closes it, too. Raises `OutputError` for a path that
    cannot be written to.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        fps: Fraction | None = None,
        format: str | None = None,
        family: str | None = None,
        preset: str | None = None,
        model: str | None = None,
        versions: Mapping[str, str] | None = None,
        seed: int | None = None,
        asked: TakeRequest | None = None,
        planned: Sequence[str] = (),
        begins_after: ContinuationState | str | None = None,
        title: str | None = None,
        overwrite: bool = False,
        mode: int | None = None,
    ) -> None:
        from longtake.takes.growing import open_target

        self._target = open_target(target, format, overwrite=overwrite, mode=mode)
        self._fps = fps
        self._title = title
        self._head = TakeRecord(
            family=family,
            preset=preset,
            model=model,
            versions=dict(versions or {}),
            seed=seed,
            fps=fps or Fraction(1),
            height=0,
            width=0,
            channels=0,
            sample_rate=0,
            asked=asked,
            planned=tuple(planned),
            begins_after=begins_after.digest()
            if isinstance(begins_after, ContinuationState)
            else begins_after,
        )
        self._take: GrowingTake | None = None
        self._closed = False

    @classmethod
    def resume(
        cls,
        path: str | os.PathLike[str],
        *,
        after: ContinuationState | None,
        planned: Sequence[str] | None = None,
        asked: TakeRequest | None = None,
        title: str | None = None,
        mode: int | None = None,
    ) -> TakeWriter:
        """A writer that goes on with the file at ``path``, behind the segment before ``after``.

        The file may be finished, or what a kill left. What it holds beyond that segment, such as
        one that was stored when its state was not, stays until the next result has been stored,
        which replaces it. That may be all of it: ``after`` is the state that the file begins after,
        None at the beginning of a take. ``planned`` replaces the record's; ``asked`` is forgotten
        unless the file was begun with the same.

        Raises `ValidationError` naming the file when it holds no such segment or no record, and
        `OutputError` when it cannot be written to.
        """
        from longtake.takes.resuming import resumed_take

        writer = cls.__new__(cls)
        digest = None if after is None else after.digest()
        resumed = resumed_take(path, digest, planned=planned, asked=asked, mode=mode)
        writer._target, writer._head, writer._take = resumed.target, resumed.head, resumed.take
        writer._fps = writer._head.fps
        writer._title = title
        writer._closed = False
        return writer

    @property
    def path(self) -> str | None:
        """Where the take is now: not where it began when someone took that away; None: a stream."""
        return self._target.path

    @property
    def record(self) -> TakeRecord:
        """What the file holds so far."""
        return self._head if self._take is None else self._take.record

    def append(
        self, result: GenerationResult, *, state: ContinuationState | str | None = None
    ) -> None:
        """Store the next segment, or the end of the take (as `Pipeline.finish` gives it), durably.

        ``state``: the one after it as it is kept elsewhere, or its digest, by which `resume` finds
        the segment; by default the result's own, made beside the encoding if it is not yet. When
        this returns, all frames so far are on disk, and all sound but what AAC holds back to look
        ahead (at most 3,072 samples).

        Raises `ValidationError` for a result that does not follow the one before or does not fit
        the take, and whatever making its state raises, which changes nothing; `OutputError` when it
        cannot be stored; the segments before it stay.
        """
        from longtake.takes.growing import GrowingTake, digested, segment_of

        if self._closed or self.record.ended:
            problem = "the take is finished; write more segments to another file"
            raise OutputError(self._target.name, problem)
        if self._fps is not None and result.fps != self._fps and len(result.frames):
            raise ValidationError("fps", f"is {result.fps}; the take has {self._fps}")
        segment = segment_of(result, None if self._take is None else self.record)
        with digested(result, state) as digest:
            if self._take is None:
                self._take = GrowingTake.begun(self._target, self._head, result, segment)
            self._take.append(result, segment, digest)
        self._fps = self._fps or result.fps

    def finish(self) -> None:
        """Close the file of a take that is complete: its record says so."""
        if self._take is not None and not self._closed:
            self._take.ended = True
        self.close()

    def close(self) -> None:
        """Make the file a plain one with an index; nothing is left behind when it holds nothing.

        The take can still be gone on with. Raises `OutputError` when that fails; the segments
        appended stay playable.
        """
        if not self._closed:
            self._closed = True
            if self._take is not None:
                self._take.close(self._title)

    def __enter__(self) -> TakeWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
