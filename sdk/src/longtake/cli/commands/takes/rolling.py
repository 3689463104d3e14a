"""Rolling a take: segment after segment into one file, the state after each in another."""

from __future__ import annotations

from collections.abc import Callable

import click
from attrs import evolve

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.takes.hints import next_command
from longtake.cli.commands.takes.keeping import Keeping, Take
from longtake.cli.commands.takes.previewing import writing_previews
from longtake.cli.terminal.interruption import cancelled_by_signals
from longtake.cli.terminal.narration import Narration
from longtake.pipeline import Pipeline
from longtake.requests.inputs import Inputs
from longtake.requests.request import GenerationRequest
from longtake.runs.events import Event
from longtake.runs.prepared import PreparedRequest
from longtake.states.file import StateFile
from longtake.states.live import LiveState
from longtake.takes.behind import Behind
from longtake.takes.writer import TakeWriter

__all__ = ["admit_first", "end_take", "roll"]


def admit_first(
    pipeline: Pipeline, take: Take, after: LiveState | None, blobs: BlobStore | None
) -> PreparedRequest:
    """The first segment's request, checked. ``after``: the state that the take goes on from."""
    prompt, request = take.start.prompts[0], take.first_request
    return _admitted(pipeline, take, prompt, request, after, blobs)


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
    # Within the signals, so that one does not tear the closing of the file.
    with cancelled_by_signals() as cancel, take.writer(pipeline) as writer, Behind() as behind:
        rolling = Keeping(take, writer, states, narration, first.state, take.files.output, behind)
        narration.started(
            pipeline,
            first,
            segments=len(take.start.prompts),
            output=take.files.output,
            frames_before=_frames(writer),
            samples_before=_samples(writer),
        )
        try:
            pipeline.prepare()
            try:
                _roll_segments(pipeline, rolling, first, cancel.is_set)
            finally:
                rolling.settle()
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
    with cancelled_by_signals() as cancel, take.writer(pipeline) as writer, Behind() as behind:
        rolling = Keeping(take, writer, None, narration, state, take.files.output, behind)
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
    asked: GenerationRequest,
    after: LiveState | None,
    blobs: BlobStore | None,
) -> PreparedRequest:
    continues = bool(pipeline.family.codecs)
    output = evolve(asked.output, last=not continues, return_state=continues)
    request = evolve(asked, prompt=prompt, output=output)
    if take.predicts_length:
        job = pipeline.resolve(request, after=after, blobs=blobs)
        if _is_enhanced(request):  # the length is that of what is encoded
            prompt = pipeline.enhance(request, after=after, blobs=blobs)
        wanted = pipeline.predict_num_frames(prompt, fps=job.sampling.fps)
        frames = pipeline.num_frames_for(wanted, request, after=after, blobs=blobs)
        request = evolve(request, sampling=evolve(request.sampling, num_frames=frames))
    return pipeline.check(request, after=after, blobs=blobs)


def _is_enhanced(request: GenerationRequest) -> bool:
    overrides = request.stage_overrides.values()
    said = [each["enhance_prompt"] for each in overrides if "enhance_prompt" in each]
    return any(said) if said else bool(request.sampling.enhance_prompt)


def _roll_segments(
    pipeline: Pipeline, rolling: Keeping, first: PreparedRequest, cancel: Callable[[], bool]
) -> None:
    """Make each segment while the one before it is kept, whose failure ends the making."""
    take, prepared = rolling.take, first
    further = evolve(take.request, inputs=Inputs())
    prompts = take.start.prompts
    count = first.job.segment_index + len(prompts)  # of the take, with those before this command

    def is_over() -> bool:
        return cancel() or rolling.behind.failed

    for number, prompt in enumerate(prompts, 1):
        if number > 1:
            prepared = _admitted(pipeline, take, prompt, further, rolling.state, first.blobs)
        with rolling.following(number) as follow:
            result = pipeline.generate(
                prepared,
                cancel=is_over,
                defer_state=True,
                num_segments=count,
                follow=_showing(take, prepared, follow),
            )
        rolling.keep(number, result)


def _showing(
    take: Take, prepared: PreparedRequest, follow: Callable[[Event], None]
) -> Callable[[Event], None]:
    files = take.files
    if files.preview is None:
        return follow
    name = f"{files.output.stem}-{prepared.job.segment_index + 1:03d}"
    return writing_previews(files.preview, name, follow)


def _say_what_is_kept(rolling: Keeping) -> None:
    if not rolling.writer.record.segments:
        return
    held, planned = len(rolling.writer.record.segments), len(rolling.take.start.planned)
    there = f"{rolling.output}: {held} of {planned} segments are done"
    onward = ""
    if rolling.states is not None:
        onward = f"; go on with: {rolling.hint}"
    click.echo(f"{there}{onward}", err=True)


def _say_what_is_done(rolling: Keeping) -> None:
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
