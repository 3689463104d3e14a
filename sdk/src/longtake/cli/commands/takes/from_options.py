"""From the options of a command to a take that is rolled into a file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from attrs import evolve, fields

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.takes.files import TakeFiles, free_output, writing
from longtake.cli.commands.takes.keeping import Take
from longtake.cli.commands.takes.making import MadeBy, roll_takes
from longtake.cli.commands.takes.several import numbered_files, write_sheet_of_takes
from longtake.cli.commands.takes.starting import start_of
from longtake.cli.options.documents import build_overrides, build_request
from longtake.cli.options.inputs import InputChoice, read_inputs
from longtake.cli.options.models import ModelChoice
from longtake.cli.options.sources import SourceChoice
from longtake.cli.options.stores import open_store
from longtake.schema.texts import check_texts

__all__ = ["AUTO", "roll_take"]

AUTO = "auto"
_OUTPUT = "take.mp4"
_AS_PLANNED = "as planned"
"""Stands for the prompts until the file that is gone on with has said them."""


def roll_take(
    prompts: tuple[str, ...],
    preset: str | None,
    preset_overrides: tuple[str, ...],
    segments: int | None,
    assignments: tuple[str, ...],
    finish: bool,
    blobs: str | None,
    other_model: bool,
    source: SourceChoice | None = None,
    takes: int = 1,
    **options: Any,
) -> None:
    """One segment per prompt into a file; ``options`` are those of `rolling_options`.

    ``source``: the clip that the first segment is made of. ``takes``: how many, each into a file of
    its own.
    """
    choice = ModelChoice(**{field.name: options.pop(field.name) for field in fields(ModelChoice)})
    files = _files_of(options)
    chosen = InputChoice(**{field.name: options.pop(field.name) for field in fields(InputChoice)})
    auto = options["num_frames"] == AUTO
    if auto:
        options["num_frames"] = None
    all_prompts = _one_per_segment(prompts, segments)
    request = build_request(all_prompts[0] if prompts else _AS_PLANNED, options, assignments)
    for prompt in prompts:
        evolve(request, prompt=prompt)  # refuses one before the others are rolled
    made_by = MadeBy(choice, preset, build_overrides(preset_overrides), other_model, source=source)
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
            take = Take(
                start,
                request,
                each,
                ends=finish or files.save_state is None,
                predicts_length=auto and request.sampling.num_frames is None,  # --set wins
            )
            rolled.append(take)
        store = None if blobs is None else _open_store(blobs, files.save_state is not None)
        roll_takes(rolled, made_by, read_inputs(chosen), store)
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
