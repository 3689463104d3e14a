"""What is told of a take while it rolls: from the pipeline's events and results to a voice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from longtake import __version__
from longtake.cli.terminal.events import Done, SegmentRolled, Started, StepProgress
from longtake.cli.terminal.remaining import Costs, Remaining
from longtake.cli.terminal.voices import Voice
from longtake.families.models import LoadProgress
from longtake.pipeline import Pipeline
from longtake.runs.events import Event, Final, Progress
from longtake.runs.prepared import PreparedRequest
from longtake.runs.results import GenerationResult

__all__ = ["Narration", "seconds_of"]

logger = logging.getLogger(__name__)


@define
class Narration:
    """Tells of one command that rolls; nothing before `started`, and nothing when it failed."""

    voice: Voice
    _model: str | None = field(default=None, init=False)
    _costs: Callable[[PreparedRequest], Costs] = field(default=lambda first: (), init=False)
    _output: str = field(default="", init=False)
    _first: int = field(default=1, init=False)
    _segments: int = field(default=1, init=False)
    _frames: int = field(default=0, init=False)
    _samples: int = field(default=0, init=False)
    _remaining: Remaining = field(factory=lambda: Remaining(1, 1), init=False)

    def busy(self, what: str) -> None:
        """Show what takes a while, before there is anything to count."""
        self.voice.busy(what)

    def loading(self, progress: LoadProgress) -> None:
        """A component is being loaded."""
        self.voice.tell(progress)

    def opened(self, model: Path | None, costs: Callable[[PreparedRequest], Costs]) -> None:
        """The pipeline is there, its networks are not.

        ``model``: the checkpoint as the user said. ``costs``: of the stages of the first segment
        and of the one after it, for the time that is left; what it raises costs only that.
        """
        self._model, self._costs = None if model is None else str(model), costs

    def started(
        self,
        pipeline: Pipeline,
        first: PreparedRequest,
        *,
        segments: int,
        output: Path | str,
        frames_before: int = 0,
        samples_before: int = 0,
    ) -> None:
        """``segments`` are going to be rolled, and ``first`` is the request of the first of them.

        ``output``: the file, or the session. ``frames_before``, ``samples_before``: in it already.
        """
        self._output, self._first = str(output), first.job.segment_index + 1
        self._segments = first.job.segment_index + segments
        self._frames, self._samples = frames_before, samples_before
        self._remaining = Remaining(segments, len(pipeline.recipe), self._asking(first))
        sampling = first.job.sampling
        self.voice.tell(
            Started(
                longtake=__version__,
                family=pipeline.family.name,
                preset=f"{pipeline.preset.name}@{pipeline.preset.version}",
                model=self._model,
                seed=sampling.seed,
                height=sampling.height,
                width=sampling.width,
                num_frames=sampling.num_frames,
                fps=sampling.fps,
                first_segment=self._first,
                segments=self._segments,
                output=self._output,
            )
        )

    def moved(self, output: Path) -> None:
        """The take is in another file than before."""
        self._output = str(output)

    @contextmanager
    def segment(self, number: int) -> Iterator[Callable[[Event], None]]:
        """Follow a segment by its events. ``number``: in this command, from 1."""
        try:
            yield self.begun(number)
        finally:
            self.voice.close()

    def begun(self, number: int) -> Callable[[Event], None]:
        """Segment ``number`` begins; what its events are told to, by whichever thread."""
        self._remaining.begin(number - 1)

        def follow(event: Event) -> None:
            if isinstance(event, Progress):
                self._step(number, event)
            elif isinstance(event, Final):
                self._remaining.end()

        return follow

    def rolled(self, number: int, result: GenerationResult, state: Path | None) -> None:
        """Segment ``number`` is in the output, and the state after it in the file ``state``."""
        samples = 0 if result.audio is None else result.audio.shape[1]
        self.voice.tell(
            SegmentRolled(
                segment=self._in_take(number),
                segments=self._segments,
                first_frame=self._frames,
                frames=len(result.frames),
                first_sample=self._samples,
                samples=samples,
                sample_rate=result.audio_sample_rate,
                seconds=seconds_of(result),
                timings=result.timings,
                output=self._output,
                state=None if state is None else str(state),
            )
        )
        self._frames += len(result.frames)
        self._samples += samples

    def done(
        self,
        frames: int,
        seconds: float,
        state: Path | None,
        output: Path,
        next_command: str | None = None,
    ) -> None:
        """All is done.

        ``state``: the file to go on from, None when there is none; ``next_command``: what does.
        """
        self.voice.tell(
            Done(
                output=str(output),
                frames=frames,
                seconds=seconds,
                state=None if state is None else str(state),
                next_command=next_command,
            )
        )

    def _in_take(self, number: int) -> int:
        return self._first - 1 + number

    def _step(self, number: int, event: Progress) -> None:
        if not self.voice.is_followed:
            return
        self._remaining.step(event.stage_index, event.step, event.total)
        self.voice.tell(
            StepProgress(
                segment=self._in_take(number),
                segments=self._segments,
                stage=event.stage,
                step=event.step,
                total=event.total,
                fraction=event.fraction,
                segment_seconds_left=self._remaining.of_segment(),
                take_seconds_left=self._remaining.of_take(),
            )
        )

    def _asking(self, first: PreparedRequest) -> Callable[[], Costs]:
        def ask() -> Costs:
            try:
                return self._costs(first)
            except Exception:  # isolation: a family's estimate must not cost the take
                logger.debug("there is no telling what the stages cost", exc_info=True)
                return ()

        return ask


def seconds_of(result: GenerationResult) -> float:
    """How long the new picture is; the new sound where there is no picture."""
    if len(result.frames) or result.audio is None or not result.audio_sample_rate:
        return float(len(result.frames) / result.fps)
    return float(result.audio.shape[1] / result.audio_sample_rate)
