"""A take's file and its record, which grow together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from importlib import metadata
from typing import BinaryIO

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from longtake.errors import OutputError, ValidationError
from longtake.media.encoder import TakeEncoder, TakeFormat, TakePlace
from longtake.media.formats import CONTAINER_FORMATS, ContainerFormat
from longtake.media.sound_runs import OPENING, PendingSound
from longtake.media.take_file import TakeFile, reporting
from longtake.media.targets import FileTarget, StreamTarget, file_target, stream_target
from longtake.media.writer import check_output, check_pictures
from longtake.runs.results import GenerationResult
from longtake.states.state import ContinuationState
from longtake.takes.notes import NotedSegment, SoundTail, TakeNote
from longtake.takes.record import SegmentRecord, TakeRecord

__all__ = [
    "GrowingTake",
    "OpenTarget",
    "digested",
    "finished_note",
    "open_target",
    "segment_of",
    "tags_of",
]

_KEPT_TAILS = 2
"""Of how many segments a finished file, and a take in memory, keep the end of the sound: the last
may be rolled again."""


@frozen
class OpenTarget:
    """Where a take goes. ``name`` is what errors call it."""

    name: str
    container: ContainerFormat
    sink: FileTarget | StreamTarget

    @property
    def path(self) -> str | None:
        """Of the file; None for a stream."""
        return self.sink.path if isinstance(self.sink, FileTarget) else None


def open_target(
    target: str | os.PathLike[str] | BinaryIO,
    format: str | None,
    *,
    overwrite: bool,
    mode: int | None,
) -> OpenTarget:
    """The file or stream that ``target`` names; nothing is created. Raises `OutputError`."""
    if not isinstance(target, str | os.PathLike):
        container = CONTAINER_FORMATS.get(format or "")
        if container is None:
            known = ", ".join(CONTAINER_FORMATS)
            raise ValidationError("format", f"is {format!r}; a stream needs one of {known}")
        return OpenTarget("the stream", container, stream_target(target, container))
    name = os.fspath(target)
    if format is not None and not name.lower().endswith(format):
        raise ValidationError("format", f"is {format!r}, and {name} says another")
    container = check_output(name)
    real = os.path.realpath(name)
    if os.path.lexists(real) and not overwrite:
        problem = "is there already; go on with it (TakeWriter.resume), or name another file"
        raise OutputError(name, f"{problem}, or say overwrite=True")
    return OpenTarget(name, container, file_target(real, container, mode=mode))


def segment_of(result: GenerationResult, record: TakeRecord | None) -> SegmentRecord:
    """What the record will say of ``result``, but for the state after it.

    Raises `ValidationError` if it follows nothing.
    """
    rate, samples = result.audio_sample_rate or 0, 0
    if result.audio is not None:
        samples = result.audio.shape[-1]
    first_frame, first_sample = result.first_frame, result.first_sample
    if first_frame is None:
        first_frame = 0 if record is None else record.end_frame
    if first_sample is None:
        on_clock = int(first_frame * rate // result.fps)
        first_sample = on_clock if record is None else record.end_sample
    if record is not None:
        if len(result.frames):  # sound alone goes on where the sound does
            _check_follows("first_frame", "frame", first_frame, record.end_frame)
        _check_follows("first_sample", "sample", first_sample, record.end_sample)
    asked = "" if result.job is None else result.job.prompt
    return SegmentRecord(
        index=result.segment_index,
        prompt=asked,
        seed=None if result.job is None else result.job.segment_seed,
        first_frame=first_frame,
        frames=len(result.frames),
        first_sample=first_sample,
        samples=samples,
        used_prompt=None if result.prompt in (None, asked) else result.prompt,
    )


@contextmanager
def digested(
    result: GenerationResult, state: ContinuationState | str | None
) -> Iterator[Callable[[], str | None]]:
    """Gives the digest of ``state``, by default the result's own, once it is made.

    That goes on meanwhile in a thread of its own: the document may have yet to be made.
    """
    if isinstance(state, str) or (state is None and result.live_state is None):
        yield lambda: state
        return
    with ThreadPoolExecutor(1, thread_name_prefix="longtake-state") as beside:
        made = beside.submit(copy_context().run, _digest, result, state)
        yield made.result


def _digest(result: GenerationResult, state: ContinuationState | None) -> str | None:
    after = state or result.state
    return None if after is None else after.digest()


def _check_follows(field: str, what: str, got: int, expected: int) -> None:
    if got != expected:
        problem = f"is {what} {got} of the take; the file goes on at {what} {expected}"
        raise ValidationError(field, problem)


class GrowingTake:
    """The file of a take with its record.

    ``ended``: whether the take is complete with what the file holds. ``resumed``: the file is
    there already, and unless a kill left it (``growing``) stays as it is until something is
    appended.
    """

    def __init__(
        self,
        target: OpenTarget,
        file: TakeFile,
        record: TakeRecord,
        segments: tuple[NotedSegment, ...] = (),
        *,
        resumed: bool = False,
        growing: bool = True,
    ) -> None:
        self.target = target
        self._resumed = resumed
        self._growing = growing
        self._file = file
        self._record = record
        self._segments = _with_last_tails(segments)
        self._ending: bytes | None = None
        self.ended = record.ended

    @classmethod
    def begun(
        cls,
        target: OpenTarget,
        head: TakeRecord,
        result: GenerationResult,
        segment: SegmentRecord,
    ) -> GrowingTake:
        """A new file, which ``result`` begins; it has yet to be appended."""
        take = TakeFormat.of(result.frames, result.audio, result.audio_sample_rate)
        if take.height:
            check_pictures(target.name, target.container)
        record = evolve(
            head,
            fps=result.fps,
            seed=result.job.sampling.seed if head.seed is None and result.job else head.seed,
            height=take.height,
            width=take.width,
            channels=take.channels,
            sample_rate=take.sample_rate,
            first_frame=segment.first_frame,
            first_sample=segment.first_sample,
        )
        return cls.of_record(target, record)

    @classmethod
    def of_record(cls, target: OpenTarget, record: TakeRecord) -> GrowingTake:
        """A new file of what ``record`` says it will hold, which has no segments yet."""
        take = TakeFormat(record.height, record.width, record.channels, record.sample_rate)
        place = TakePlace(record.first_frame, record.first_sample)
        with reporting(target.name, "cannot store the segment"):
            encoder = TakeEncoder(target.container, take, record.fps, place)
        note = TakeNote(record=record).data()
        file = TakeFile(target.name, target.sink, target.container, encoder, head=note)
        return cls(target, file, record)

    @property
    def record(self) -> TakeRecord:
        """What the file holds, and whether that is all."""
        segments = tuple(each.segment for each in self._segments)
        return evolve(self._record, segments=segments, ended=self.ended)

    def append(
        self, result: GenerationResult, segment: SegmentRecord, digest: Callable[[], str | None]
    ) -> None:
        """Store ``result`` with what the record says of it, as `TakeWriter.append` does.

        ``digest``: of the state after it, asked for when the segment is encoded.
        """
        arrays = result.frames, result.audio, result.audio_sample_rate
        if result.job is None and not len(result.frames):
            self.append_end(*arrays, segment)
        else:
            self.append_segment(*arrays, segment, digest)

    def append_segment(
        self,
        frames: NDArray[np.uint8],
        audio: NDArray[np.float32] | None,
        sample_rate: int | None,
        segment: SegmentRecord,
        digest: Callable[[], str | None] | None = None,
    ) -> None:
        """Store one segment's frames and sound, as `TakeWriter.append` does.

        ``digest``: of the state after it, where ``segment`` does not say it.
        """
        noted: list[NotedSegment] = []

        def note(pending: PendingSound) -> bytes:
            told = segment if digest is None else evolve(segment, state=digest())
            noted.append(self._noted(told, audio, pending))
            head = self._record if self._resumed else None
            return TakeNote(record=head, segments=tuple(noted)).data()

        self._file.append(frames, audio, sample_rate, note)
        self._segments += noted
        before = -_KEPT_TAILS - 1  # the one whose tail is no longer of use, where there is one
        self._segments[before:-_KEPT_TAILS] = _without_tails(self._segments[before:-_KEPT_TAILS])
        self._resumed, self._growing = False, True

    def close(self, title: str | None) -> None:
        """Make it a plain file that says what it holds."""
        if not (self._growing or self.ended):
            self._file.close()
            return
        note = finished_note(self.record, self._segments, self._ending)
        self._file.finish(note.data(), tags_of(self.record, title))

    def append_end(
        self,
        frames: NDArray[np.uint8],
        audio: NDArray[np.float32] | None,
        sample_rate: int | None,
        segment: SegmentRecord,
    ) -> None:
        """Store the sound that ends the take; ``frames`` has none."""
        # Not ended yet: the last of the sound is stored when the file is finished.
        record = evolve(self._record, end_samples=segment.samples)
        self._ending = self._opening(segment, audio)
        note = TakeNote(record=record, ending=self._ending).data()
        self._file.append(frames, audio, sample_rate, lambda _: note)
        self._record, self.ended, self._resumed = record, True, False

    def _noted(
        self, segment: SegmentRecord, audio: NDArray[np.float32] | None, pending: PendingSound
    ) -> NotedSegment:
        if audio is None or not self.target.container.audio_in_runs:
            return NotedSegment(segment=segment)
        opening = self._opening(segment, audio)
        return NotedSegment(segment=segment, tail=SoundTail.of(pending), opening=opening)

    def _opening(self, segment: SegmentRecord, audio: NDArray[np.float32] | None) -> bytes | None:
        """Of the segment's sound what lies within the opening of the file."""
        left = self._record.first_sample + OPENING - segment.first_sample
        if audio is None or left <= 0 or not self.target.container.audio_in_runs:
            return None
        return np.ascontiguousarray(audio[:, :left], "<f4").tobytes()


def finished_note(
    record: TakeRecord, segments: Sequence[NotedSegment], ending: bytes | None = None
) -> TakeNote:
    """The only note of a finished file, which says what ``record`` does of its ``segments``."""
    noted = tuple(_with_last_tails(segments))
    head = evolve(record, segments=())
    return TakeNote(record=head, segments=noted, ending=ending, finished=True)


def _with_last_tails(segments: Sequence[NotedSegment]) -> list[NotedSegment]:
    return [*_without_tails(segments[:-_KEPT_TAILS]), *segments[-_KEPT_TAILS:]]


def _without_tails(segments: Sequence[NotedSegment]) -> list[NotedSegment]:
    return [each if each.tail is None else evolve(each, tail=None) for each in segments]


def tags_of(record: TakeRecord, title: str | None) -> dict[str, str]:
    """What players show of a take; nothing that changes from one day to the next."""
    prompts = [segment.prompt for segment in record.segments]
    facts = {
        "family": record.family,
        "preset": record.preset,
        "seed": record.seed,
        "model": record.model,
        "longtake": metadata.version("longtake"),
        **record.versions,
    }
    told = "; ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
    tags = {
        "title": title or (prompts[0][:200] if prompts else ""),
        "comment": "\n".join(prompts),
        "description": told,
    }
    return {name: value for name, value in tags.items() if value}
