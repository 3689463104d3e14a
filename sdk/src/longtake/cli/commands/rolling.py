"""Rolling a take: segment after segment into one file, the state after each in another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click
from attrs import define, evolve, field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.cli.terminal.interruption import cancelled_by_signals
from longtake.cli.terminal.progress import SegmentProgress, describe
from longtake.media.writer import TakeWriter
from longtake.pipeline import Pipeline
from longtake.requests.inputs import Inputs
from longtake.requests.request import GenerationRequest
from longtake.runs.events import Final
from longtake.runs.prepared import PreparedRequest
from longtake.runs.results import GenerationResult
from longtake.states.file import StateFile
from longtake.states.live import LiveState

__all__ = ["Take", "admit_first", "roll"]


@frozen
class Take:
    """What to roll.

    - ``prompts``: one per segment.
    - ``request``: what the segments have in common, and the inputs of the first.
    - ``output``: the media file.
    - ``ends``: whether the held-back sound is let out after the last segment.
    - ``predicts_length``: whether each prompt says how many new frames its segment has, as far as
      the model can tell.
    """

    prompts: tuple[str, ...]
    request: GenerationRequest
    output: Path
    ends: bool
    predicts_length: bool = False


@define
class _Rolled:
    """How far a take has come."""

    state: LiveState | None
    segments: int = 0
    frames: int = 0
    picture_seconds: float = 0.0
    sound_seconds: float = 0.0
    has_sound: bool = False
    _writer: TakeWriter | None = field(default=None, alias="writer")

    @property
    def seconds(self) -> float:
        """How long the picture is, or the sound where there is no picture."""
        return self.picture_seconds if self.frames else self.sound_seconds

    def add(self, result: GenerationResult, output: Path, files: ExitStack) -> None:
        """Store what ``result`` adds; the file is begun with the first segment."""
        if self._writer is None:
            self._writer = files.enter_context(TakeWriter(output, fps=result.fps))
        self._writer.append(result.frames, result.audio, result.audio_sample_rate)
        self.has_sound = result.audio is not None
        self.frames += len(result.frames)
        self.picture_seconds += float(len(result.frames) / result.fps)
        if result.audio is not None and result.audio_sample_rate:
            self.sound_seconds += result.audio.shape[1] / result.audio_sample_rate


def admit_first(
    pipeline: Pipeline, take: Take, after: LiveState | None, blobs: BlobStore | None
) -> PreparedRequest:
    """The first segment's request, checked. ``after``: the state that the take goes on from."""
    return _admitted(pipeline, take, take.prompts[0], take.request.inputs, after, blobs)


def roll(pipeline: Pipeline, take: Take, first: PreparedRequest, states: StateFile | None) -> None:
    """Roll ``take``. ``states``: where its newest state is kept; None when it has none.

    Whatever is raised, the file holds the finished segments and the state file goes on from them;
    a line on standard error says so.
    """
    rolled = _Rolled(first.state)
    try:
        with cancelled_by_signals() as cancel, ExitStack() as files:
            for number, prompt in enumerate(take.prompts, 1):
                label, prepared = f"segment {number}/{len(take.prompts)}", first
                if number > 1:
                    prepared = _admitted(
                        pipeline, take, prompt, Inputs(), rolled.state, first.blobs
                    )
                result = _roll_segment(pipeline, prepared, label, cancel.is_set)
                _keep(result, take, rolled, states, files)
                describe(label, result)
            if take.ends and rolled.has_sound and pipeline.family.finish:
                assert rolled.state is not None
                end = pipeline.finish(rolled.state, blobs=first.blobs, cancel=cancel.is_set)
                rolled.add(end, take.output, files)
    except BaseException:
        _say_what_is_kept(take, rolled, states)
        raise
    what = f"{rolled.frames} frames, {rolled.seconds:.2f} s"
    if not rolled.frames:
        what = f"{rolled.seconds:.2f} s of sound"
    click.echo(f"{take.output}: {what}", err=True)


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
    pipeline: Pipeline, prepared: PreparedRequest, label: str, cancel: Callable[[], bool]
) -> GenerationResult:
    result = None
    with SegmentProgress(label) as progress:
        for event in pipeline.stream(prepared, cancel=cancel):
            progress.show(event)
            if isinstance(event, Final):
                result = event.result
    assert result is not None
    return result


def _keep(
    result: GenerationResult,
    take: Take,
    rolled: _Rolled,
    states: StateFile | None,
    files: ExitStack,
) -> None:
    """First the segment, then the state after it: a state never says more than the file holds."""
    try:
        rolled.add(result, take.output, files)
    except BaseException:
        if states is not None:
            states.discard(result.state)
        raise
    if states is not None and result.state is not None:
        states.save(result.state)
    rolled.state = result.live_state
    rolled.segments += 1


def _say_what_is_kept(take: Take, rolled: _Rolled, states: StateFile | None) -> None:
    if not rolled.segments:
        return
    there = f"{take.output}: {rolled.segments} of {len(take.prompts)} segments are done"
    onward = "" if states is None else f"; go on with --state {states.path}"
    click.echo(f"{there}{onward}", err=True)
