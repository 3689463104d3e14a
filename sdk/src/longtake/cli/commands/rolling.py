"""Rolling a take: segment after segment into one file, the state after each in another."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import click
from attrs import define, evolve, field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.hints import next_command, same_command
from longtake.cli.commands.starting import Start
from longtake.cli.commands.take_files import TakeFiles, same_file, state_beside
from longtake.cli.terminal.interruption import cancelled_by_signals
from longtake.cli.terminal.narration import Narration
from longtake.pipeline import Pipeline
from longtake.requests.inputs import Inputs
from longtake.requests.request import GenerationRequest
from longtake.runs.events import Event, Final
from longtake.runs.prepared import PreparedRequest
from longtake.runs.results import GenerationResult
from longtake.states.file import StateFile
from longtake.states.live import LiveState
from longtake.takes.writer import TakeWriter

__all__ = ["Take", "admit_first", "end_take", "roll"]


@frozen
class Take:
    """What to roll.

    - ``start``: the prompts, one per segment, and what they come behind.
    - ``request``: what the segments have in common, and the inputs of the first.
    - ``files``: where the take and its state go.
    - ``ends``: whether the held-back sound is let out after the last segment.
    - ``predicts_length``: whether each prompt says how many new frames its segment has, as far as
      the model can tell.
    - ``versions``: of the distributions that make it.
    """

    start: Start
    request: GenerationRequest
    files: TakeFiles
    ends: bool
    predicts_length: bool = False
    versions: Mapping[str, str] = field(factory=dict)

    def writer(self, pipeline: Pipeline) -> TakeWriter:
        """What writes the take; the file is begun with the first segment, or gone on with."""
        start, files = self.start, self.files
        if start.appends:
            return TakeWriter.resume(files.output, after=start.state, planned=start.planned)
        return TakeWriter(
            files.output,
            family=pipeline.family.name,
            preset=f"{pipeline.preset.name}@{pipeline.preset.version}",
            model=pipeline.model_fingerprint,
            versions=self.versions,
            planned=start.planned,
            begins_after=start.state,
            overwrite=files.overwrite,
        )


@define
class _Roll:
    """A take that is being rolled: how far it has come, and where it is kept."""

    take: Take
    writer: TakeWriter
    states: StateFile | None
    narration: Narration
    state: LiveState | None
    output: Path
    segments: int = 0

    def keep(self, number: int, result: GenerationResult) -> None:
        """First the segment, then the state after it, which never says more than the file holds."""
        state = result.state
        try:
            self._append(result)
        except BaseException:
            if self.states is not None:
                self.states.discard(state)
            raise
        if self.states is not None and state is not None:
            self.states.save(state)
        self.state = result.live_state
        self.segments += 1
        self.narration.rolled(number, result, None if self.states is None else self.states.path)

    def end(self, pipeline: Pipeline, blobs: BlobStore | None, cancel: Callable[[], bool]) -> None:
        """Let the held-back sound out, and close the file of a take that is complete."""
        if pipeline.family.finish and self.state is not None and self.writer.record.channels:
            self._append(pipeline.finish(self.state, blobs=blobs, cancel=cancel))
        self.writer.finish()

    @property
    def hint(self) -> str:
        """The command that goes on."""
        if self.states is None or not self._is_beside:
            return same_command(self.output)
        kept = self.states.path
        return same_command(self.output, None if kept == state_beside(self.output) else kept)

    @property
    def _is_beside(self) -> bool:
        """Whether the state is kept beside the take, wherever that is."""
        return self.take.files.save_state is None

    def _append(self, result: GenerationResult) -> None:
        self.writer.append(result, state=result.state)
        self.follow()

    def follow(self) -> None:
        """Go where the file is now, if someone took it away."""
        now = Path(self.writer.path or "")
        if not same_file(now, self.output):
            self.output = self.output.with_name(now.name)
            self.narration.moved(self.output)
            beside = state_beside(self.output)
            if self.states is not None and self._is_beside and not os.path.lexists(beside):
                self.states.move(beside)  # else it stays, and the hint names it


def admit_first(
    pipeline: Pipeline, take: Take, after: LiveState | None, blobs: BlobStore | None
) -> PreparedRequest:
    """The first segment's request, checked. ``after``: the state that the take goes on from."""
    inputs = Inputs() if take.start.again else take.request.inputs
    return _admitted(pipeline, take, take.start.prompts[0], inputs, after, blobs)


def roll(
    pipeline: Pipeline,
    take: Take,
    first: PreparedRequest,
    states: StateFile | None,
    narration: Narration,
) -> None:
    """Load the networks and roll ``take``.

    ``states``: where its newest state is kept; None when it has none.

    Whatever is raised, the file holds the finished segments and the state file goes on from them;
    a line on standard error says so, with the command that goes on.
    """
    prompts = take.start.prompts
    count = first.job.segment_index + len(prompts)  # of the take, with those before this command
    # Within the signals, so that one does not tear the closing of the file.
    with cancelled_by_signals() as cancel, take.writer(pipeline) as writer:
        rolling = _Roll(take, writer, states, narration, first.state, take.files.output)
        narration.started(
            pipeline,
            first,
            segments=len(prompts),
            output=take.files.output,
            frames_before=_frames(writer),
            samples_before=_samples(writer),
        )
        try:
            pipeline.prepare()
            for number, prompt in enumerate(prompts, 1):
                prepared = first
                if number > 1:
                    prepared = _admitted(
                        pipeline, take, prompt, Inputs(), rolling.state, first.blobs
                    )
                with narration.segment(number) as follow:
                    result = _roll_segment(pipeline, prepared, follow, cancel.is_set, count)
                rolling.keep(number, result)
            if take.ends:
                rolling.end(pipeline, first.blobs, cancel.is_set)
        except BaseException:
            _say_what_is_kept(rolling)
            raise
    _say_what_is_done(rolling)


def end_take(
    pipeline: Pipeline,
    take: Take,
    state: LiveState | None,
    blobs: BlobStore | None,
    narration: Narration,
) -> None:
    """Close the file of a take of whose segments none is missing, with the end if it has one."""
    # Within the signals, so that one does not tear the closing of the file.
    with cancelled_by_signals() as cancel, take.writer(pipeline) as writer:
        rolling = _Roll(take, writer, None, narration, state, take.files.output)
        if take.ends:
            rolling.end(pipeline, blobs, cancel.is_set)
    _say_what_is_done(rolling)


def _frames(writer: TakeWriter) -> int:
    return writer.record.end_frame - writer.record.first_frame


def _samples(writer: TakeWriter) -> int:
    return writer.record.end_sample - writer.record.first_sample


def _admitted(
    pipeline: Pipeline,
    take: Take,
    prompt: str,
    inputs: Inputs,
    after: LiveState | None,
    blobs: BlobStore | None,
) -> PreparedRequest:
    continues = bool(pipeline.family.codecs)
    output = evolve(take.request.output, last=not continues, return_state=continues)
    request = evolve(take.request, prompt=prompt, inputs=inputs, output=output)
    if take.predicts_length:
        job = pipeline.resolve(request, after=after, blobs=blobs)
        wanted = pipeline.predict_num_frames(prompt, fps=job.sampling.fps)
        frames = pipeline.num_frames_for(wanted, request, after=after, blobs=blobs)
        request = evolve(request, sampling=evolve(request.sampling, num_frames=frames))
    return pipeline.check(request, after=after, blobs=blobs)


def _roll_segment(
    pipeline: Pipeline,
    prepared: PreparedRequest,
    follow: Callable[[Event], None],
    cancel: Callable[[], bool],
    num_segments: int,
) -> GenerationResult:
    result = None
    for event in pipeline.stream(prepared, cancel=cancel, num_segments=num_segments):
        follow(event)
        if isinstance(event, Final):
            result = event.result
    assert result is not None
    return result


def _say_what_is_kept(rolling: _Roll) -> None:
    if not rolling.writer.record.segments:
        return
    held, planned = len(rolling.writer.record.segments), len(rolling.take.start.planned)
    there = f"{rolling.output}: {held} of {planned} segments are done"
    onward = ""
    if rolling.states is not None:
        onward = f"; go on with: {rolling.hint}"
    click.echo(f"{there}{onward}", err=True)


def _say_what_is_done(rolling: _Roll) -> None:
    rolling.follow()
    files, writer = rolling.take.files, rolling.writer
    frames, rate = _frames(writer), writer.record.sample_rate
    seconds = float(frames / writer.record.fps)
    if not frames and rate:
        seconds = _samples(writer) / rate
    saved = onward = None
    if files.save_state is not None and rolling.states is not None:
        saved = rolling.states.path
        onward = next_command(rolling.output, saved)
    rolling.narration.done(frames, seconds, saved, rolling.output, onward)
