"""``longtake finish``: the end of a take, from its state alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from longtake.cli.commands.takes.files import free_output, same_file, state_beside, writing
from longtake.cli.commands.takes.hints import same_command
from longtake.cli.options.completion import blob_urls, state_files
from longtake.cli.options.models import (
    ModelChoice,
    choose_family,
    model_options,
    open_pipeline,
)
from longtake.cli.options.restoring import other_model_option, restored
from longtake.cli.options.stores import open_store
from longtake.cli.options.takes import TakeCommand, narration_of_command
from longtake.cli.terminal.interruption import cancelled_by_signals
from longtake.cli.terminal.narration import seconds_of
from longtake.errors import Cancelled, OutputError, ValidationError
from longtake.media.writer import check_output
from longtake.pipeline import Pipeline
from longtake.plugins.registry import Registry
from longtake.states.file import read_state
from longtake.states.state import ContinuationState
from longtake.takes.notes import read_take_notes
from longtake.takes.writer import TakeWriter

__all__ = ["finish"]

_PATH = click.Path(path_type=Path)
_OUTPUT = "tail.mp4"


@click.command(cls=TakeCommand)
@click.option(
    "--state",
    type=_PATH,
    metavar="IN.json",
    required=True,
    help="Of the take to end.",
    shell_complete=state_files,
)
@model_options
@other_model_option
@click.option(
    "--blobs", metavar="URL", help="Where the state keeps big parts.", shell_complete=blob_urls
)
@click.option(
    "-o",
    "--output",
    type=_PATH,
    help="A .mp4, .m4a or .wav, or a lossless .mkv; it holds sound alone. By default tail.mp4, or "
    "tail-2.mp4 and so on where that is taken.",
)
@click.option("--resume", is_flag=True, help="Append to the take that is in the output.")
@click.option("--overwrite", is_flag=True, help="Replace the output that is there.")
def finish(
    state: Path,
    blobs: str | None,
    output: Path | None,
    other_model: bool,
    resume: bool,
    overwrite: bool,
    **options: Any,
) -> None:
    """Write the sound that a take holds back while it is to be continued.

    It goes into a file of its own, for longtake join, or with --resume into the take's. Picture and
    sound then end together. The take's own model is needed.
    """
    choice = ModelChoice(**options)
    if output is None:
        output = Path(_OUTPUT) if resume else free_output(_OUTPUT)
    check_output(output)
    if same_file(state, output):
        raise click.UsageError("--state and -o name the same file.")
    with writing(output):
        _check_kept(output, resume=resume, overwrite=overwrite)
        given = read_state(state)
        store = None if blobs is None else open_store(blobs)
        registry = Registry.default()
        family = choose_family(registry, choice, given)
        if not family.finish:
            raise ValidationError(str(state), f"takes of family {family.name!r} hold nothing back")
        if resume and _is_ended(output, state, given, overwrite=overwrite):
            click.echo(f"{output}: is finished already", err=True)
            _remove_beside(state, output)
            return
        narration = narration_of_command()
        with (
            _saying_how_to_go_on(output, resume=resume),
            open_pipeline(registry, family, choice, narration=narration) as pipeline,
            cancelled_by_signals() as cancel,
            _writer(output, pipeline, given, resume=resume, overwrite=overwrite) as writer,
        ):
            live = restored(pipeline, choice, given, store, other_model)
            result = pipeline.finish(live, blobs=store, cancel=cancel.is_set)
            if result.audio is None or not result.audio.shape[1]:
                raise ValidationError(str(state), "the take has no sound left to end")
            writer.append(result)
            writer.finish()
        if resume:
            _remove_beside(state, output)
    narration.done(0, seconds_of(result), None, output)


def _check_kept(output: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse to replace what is there, and to append to what is not."""
    there = os.path.lexists(output)
    if resume and not there:
        raise OutputError(str(output), "is not there, so nothing can be appended to it")
    if there and not (resume or overwrite):
        ways = "append to it (--resume), name another file (-o), or replace it (--overwrite)"
        raise OutputError(str(output), f"is there already; {ways}")
    beside = state_beside(output)
    if not resume and os.path.lexists(beside):
        problem = "is the state of a take that is not finished; append its end (--resume)"
        raise OutputError(str(beside), f"{problem}, or name another file (-o)")


def _writer(
    output: Path, pipeline: Pipeline, state: ContinuationState, *, resume: bool, overwrite: bool
) -> TakeWriter:
    if resume:
        return TakeWriter.resume(output, after=state)
    return TakeWriter(
        output,
        family=pipeline.family.name,
        preset=f"{pipeline.preset.name}@{pipeline.preset.version}",
        model=pipeline.model_fingerprint,
        begins_after=state,
        overwrite=overwrite,
    )


def _is_ended(output: Path, path: Path, state: ContinuationState, *, overwrite: bool) -> bool:
    """Whether the take in ``output`` has its end already, and is a plain file.

    Raises `ValidationError` when segments come after the state at ``path``: they would be cut.
    """
    notes = read_take_notes(output)
    segments = notes.record.segments
    if segments and segments[-1].state != state.digest() and not overwrite:
        problem = f"does not end with the segment that {path} follows"
        raise ValidationError(str(output), f"{problem}; name the newest state of this take")
    return notes.record.ended and notes.finished


def _remove_beside(state: Path, output: Path) -> None:
    """The take is complete, as after longtake generate, so nobody goes on from there."""
    if same_file(state, state_beside(output)):
        state.unlink(missing_ok=True)


@contextmanager
def _saying_how_to_go_on(output: Path, *, resume: bool) -> Iterator[None]:
    """Where the take's own file is ended, a command that is stopped says how to do it again."""
    try:
        yield
    except (Cancelled, KeyboardInterrupt):
        if resume:
            onward = same_command(output)
            click.echo(f"{output}: all segments are there; go on with: {onward}", err=True)
        raise
