"""From the options of a command to a take that is rolled into a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from attrs import evolve, fields

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.keeping import Take
from longtake.cli.commands.rolling import admit_first, end_take, roll
from longtake.cli.commands.starting import start_of
from longtake.cli.commands.take_files import TakeFiles, free_output, same_file, writing
from longtake.cli.options.documents import build_overrides, build_request
from longtake.cli.options.examples import preset_of
from longtake.cli.options.inputs import InputChoice, read_inputs
from longtake.cli.options.models import ModelChoice, choose_family, open_pipeline
from longtake.cli.options.restoring import restored
from longtake.cli.options.sources import Begun, SourceChoice, begin_with
from longtake.cli.options.stores import open_store
from longtake.cli.options.takes import narration_of_command
from longtake.families.family import ModelFamily
from longtake.plugins.registry import Registry
from longtake.runs.early import check_early
from longtake.schema.texts import check_texts
from longtake.states.file import StateFile

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
    **options: Any,
) -> None:
    """One segment per prompt into a file; ``options`` are those of `rolling_options`.

    ``source``: the clip that the first segment is made of.
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
    overrides = build_overrides(preset_overrides)
    files.check(pictures=request.output.video)
    with writing(files.output, files.kept_state) as killed:
        start = start_of(files, all_prompts, request.output, killed=killed)
        take = Take(
            start,
            request,
            files,
            ends=finish or files.save_state is None,
            predicts_length=auto and request.sampling.num_frames is None,  # --set wins
        )
        if start.ended:
            click.echo(f"{files.output}: is finished, nothing is left to be rolled", err=True)
            return
        store = None if blobs is None else _open_store(blobs, files.save_state is not None)
        _roll(take, choice, chosen, preset, overrides, store, other_model, source)


def _roll(
    take: Take,
    choice: ModelChoice,
    chosen: InputChoice,
    preset: str | None,
    overrides: Mapping[str, Any],
    store: BlobStore | None,
    other_model: bool,
    source: SourceChoice | None,
) -> None:
    start, files, telling = take.start, take.files, narration_of_command()
    named = read_inputs(chosen)
    registry = Registry.default()
    family = choose_family(registry, choice, start.state)
    preset = preset_of(family, choice.model, preset)
    family.preset(preset)  # refuses an unknown one before a checkpoint is looked at
    family.writing_codec(take.request.output.state_kind)
    if source is not None:
        begun = begin_with(source, family, take.request, preset)
        named, take = begun.named(named), _begun_take(take, begun)
        for line in begun.notes:
            click.echo(line, err=True)
    check_early(family, take.first_request, preset=preset, continued=start.state is not None)
    states = _states_of(family, take, store)
    take = evolve(
        take,
        request=evolve(take.request, inputs=named.inputs),
        versions=registry.versions_of(family, preset),
    )
    if start.surplus:
        click.echo(
            f"{files.output}: segment {start.surplus[0].index + 1} is rolled again, because the "
            "state after it was not kept",
            err=True,
        )
    with open_pipeline(registry, family, choice, preset, overrides, narration=telling) as pipeline:
        after = None
        if start.state is not None:
            after = restored(pipeline, choice, start.state, store, other_model)
        if start.prompts:
            with named.naming():
                first = admit_first(pipeline, take, after, store)
            roll(pipeline, take, first, states, telling)
        else:
            click.echo(f"{files.output}: has these segments already", err=True)
            end_take(pipeline, take, after, store, telling)
    if states is not None and files.save_state is None:
        states.remove()


def _begun_take(take: Take, begun: Begun) -> Take:
    """``take`` at the size and frame rate of its first segment, which has a length of its own."""
    own = take.request.sampling.num_frames
    sampling = evolve(begun.sampling, num_frames=own)
    return evolve(take, request=evolve(take.request, sampling=sampling), first=begun.sampling)


def _files_of(options: dict[str, Any]) -> TakeFiles:
    said = {field.name: options.pop(field.name) for field in fields(TakeFiles)}
    if said["output"] is None:
        said["output"] = Path(_OUTPUT) if said["resume"] else free_output(_OUTPUT)
    return TakeFiles(**said)


def _states_of(family: ModelFamily, take: Take, store: BlobStore | None) -> StateFile | None:
    """Where the newest state of the take is kept; None in a family that makes none."""
    start, files = take.start, take.files
    if family.codecs:
        replaced = files.state is None or same_file(files.state, files.kept_state)
        given, kept = (None, start.state) if replaced else (start.state, None)
        return StateFile(files.kept_state, family.blob_ids, blobs=store, given=given, kept=kept)
    if len(start.planned) > 1 or start.state is not None or files.save_state is not None:
        raise click.UsageError(
            f"family {family.name!r} makes no state, so it makes single segments: leave out "
            "--segments, --state and --save-state, and give one prompt."
        )
    return None


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
