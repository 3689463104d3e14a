"""``longtake generate``: a take from prompts."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from attrs import evolve, fields

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.keeping import Take
from longtake.cli.commands.making import MadeBy, roll_takes
from longtake.cli.commands.several_takes import numbered_files, write_sheet_of_takes
from longtake.cli.commands.starting import start_of
from longtake.cli.commands.take_files import TakeFiles, free_output, writing
from longtake.cli.options.completion import blob_urls, state_files
from longtake.cli.options.documents import build_overrides, build_request, request_options
from longtake.cli.options.inputs import InputChoice, input_options, read_inputs
from longtake.cli.options.models import ModelChoice, model_options, preset_options
from longtake.cli.options.restoring import other_model_option
from longtake.cli.options.stores import open_store
from longtake.cli.options.takes import TakeCommand
from longtake.schema.texts import check_texts

__all__ = ["generate"]

_PATH = click.Path(path_type=Path)


_AUTO = "auto"
_OUTPUT = "take.mp4"
_AS_PLANNED = "as planned"
"""Stands for the prompts until the file that is gone on with has said them."""


def _frames_or_auto(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> int | str | None:
    if value is None or value == _AUTO:
        return value
    frames: int = click.INT(value, parameter, context)
    return frames


@click.command(cls=TakeCommand)
@click.argument("prompts", nargs=-1, metavar="PROMPT...")
@model_options
@other_model_option
@preset_options
@click.option(
    "--segments", type=click.IntRange(min=1), metavar="N", help="The last prompt repeats."
)
@click.option("--seed", type=int, metavar="N", help="Of the whole take.")
@click.option(
    "--takes",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="As many takes of the same prompts, each with a seed of its own, and a sheet of them all.",
)
@request_options
@click.option(
    "--num-frames",
    metavar="N|auto",
    callback=_frames_or_auto,
    help="Of a segment, with those it repeats; auto asks the model, if it can tell.",
)
@click.option("--negative-prompt", metavar="TEXT")
@input_options
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Any field of the request, e.g. sampling.seed=3 or denoise.stg_scale=0. Repeatable.",
)
@click.option(
    "--state",
    type=_PATH,
    metavar="IN.json",
    help="Go on from this state.",
    shell_complete=state_files,
)
@click.option(
    "--save-state",
    type=_PATH,
    metavar="OUT.json",
    help="The take is to be continued from here.",
    shell_complete=state_files,
)
@click.option(
    "--state-kind", metavar="KIND", help="The kind of states to write; by default the family's."
)
@click.option("--finish", is_flag=True, help="End the sound, also with --save-state.")
@click.option(
    "--blobs",
    metavar="URL",
    help="Where states keep big parts, e.g. file:///folder.",
    shell_complete=blob_urls,
)
@click.option(
    "-o",
    "--output",
    type=_PATH,
    help="A .mp4, or a lossless .mkv; with --no-video also a .m4a or .wav. By default take.mp4, or "
    "take-2.mp4 and so on where that is taken.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on in the output that is there: the same command again rolls what is left, and with "
    "--state the prompts come next.",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace the output that is there, or its last segments."
)
@click.option(
    "--discard-state", is_flag=True, help="Replace also the state of a take that is not finished."
)
def generate(
    prompts: tuple[str, ...],
    preset: str | None,
    preset_overrides: tuple[str, ...],
    segments: int | None,
    takes: int,
    assignments: tuple[str, ...],
    finish: bool,
    blobs: str | None,
    other_model: bool,
    **options: Any,
) -> None:
    """Roll a take of picture and sound: one segment per PROMPT, the last one repeats.

    Images, clips and audio condition the first segment that this command rolls; the others go on
    from it. FRAME counts from 0 in that segment, the frames that it repeats included, and -1 is
    its last; STRENGTH is 0 to 1, where 1 keeps the input as it is.

    Progress is told on standard error. A take that is interrupted leaves its finished segments in
    the output file, and the state to go on from in OUT.json or else beside the output; --resume
    goes on with both.
    """
    choice = ModelChoice(**{field.name: options.pop(field.name) for field in fields(ModelChoice)})
    files = _files_of(options)
    chosen = InputChoice(**{field.name: options.pop(field.name) for field in fields(InputChoice)})
    auto = options["num_frames"] == _AUTO
    if auto:
        options["num_frames"] = None
    all_prompts = _one_per_segment(prompts, segments)
    request = build_request(all_prompts[0] if prompts else _AS_PLANNED, options, assignments)
    for prompt in prompts:
        evolve(request, prompt=prompt)  # refuses one before the others are rolled
    overrides = build_overrides(preset_overrides)
    several = numbered_files(files, takes)
    for each in several:
        each.check(pictures=request.output.video)
    with ExitStack() as stack:
        rolled = []
        for each in several:
            killed = stack.enter_context(writing(each.output, each.kept_state))
            start = start_of(each, all_prompts, request.output, killed=killed)
            if start.ended:
                click.echo(f"{each.output}: is finished, nothing is left to be rolled", err=True)
                return
            rolled.append(
                Take(
                    start,
                    request,
                    each,
                    ends=finish or files.save_state is None,
                    predicts_length=auto and request.sampling.num_frames is None,  # --set wins
                )
            )
        store = None if blobs is None else _open_store(blobs, files.save_state is not None)
        made_by = MadeBy(choice, preset, overrides, other_model)
        named = read_inputs(chosen)
        roll_takes(rolled, made_by, named, store)
        if takes > 1:
            write_sheet_of_takes(files.output, [each.output for each in several])


def _files_of(options: dict[str, Any]) -> TakeFiles:
    said = {field.name: options.pop(field.name) for field in fields(TakeFiles)}
    if said["output"] is None:
        said["output"] = Path(_OUTPUT) if said["resume"] else free_output(_OUTPUT)
    return TakeFiles(**said)


def _one_per_segment(prompts: tuple[str, ...], segments: int | None) -> tuple[str, ...]:
    for number, prompt in enumerate(prompts, start=1):
        check_texts(prompt, f"prompt {number}")
    count = len(prompts) if segments is None else segments
    if count < len(prompts):
        raise click.UsageError(f"--segments {count} is less than the {len(prompts)} prompts.")
    return prompts + prompts[-1:] * (count - len(prompts))


def _open_store(url: str, outlives: bool) -> BlobStore:
    if outlives and url.lower().startswith("memory:"):
        raise click.UsageError(
            f"--blobs {url} ends with this command, but --save-state is to be continued: name a "
            "store that lasts, e.g. file:///folder."
        )
    return open_store(url)
