"""Making takes with one model: what makes them, and what their files say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
from attrs import evolve, frozen

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.takes.files import same_file
from longtake.cli.commands.takes.keeping import Take
from longtake.cli.commands.takes.previewing import asking_for_previews
from longtake.cli.commands.takes.rolling import admit_first, end_take, roll
from longtake.cli.options.examples import preset_of
from longtake.cli.options.family import needed_again, path_options
from longtake.cli.options.inputs import NamedInputs
from longtake.cli.options.models import ModelChoice, choose_family, open_pipeline
from longtake.cli.options.restoring import restored
from longtake.cli.options.sources import Begun, SourceChoice, begin_with
from longtake.cli.options.takes import narration_of_command
from longtake.cli.terminal.narration import Narration
from longtake.errors import ValidationError
from longtake.families.family import ModelFamily
from longtake.pipeline import Pipeline
from longtake.plugins.registry import Registry
from longtake.requests.seeds import take_seed
from longtake.runs.early import check_early
from longtake.states.file import StateFile
from longtake.takes.record import TakeRequest

__all__ = ["MadeBy", "roll_takes"]


@frozen
class MadeBy:
    """What makes a take: the model, the preset, and whether it may be another than the state's.

    ``fingerprint``: that the model must have; None for any. ``source``: the clip that the first
    segment is made of.
    """

    choice: ModelChoice
    preset: str | None
    overrides: Mapping[str, Any]
    other_model: bool = False
    fingerprint: str | None = None
    source: SourceChoice | None = None


def roll_takes(
    takes: Sequence[Take], made_by: MadeBy, named: NamedInputs, store: BlobStore | None
) -> None:
    """Roll one take after the other with one model; each has a seed of its own.

    Raises `ValidationError` for a request that the model refuses, and for a model of another
    fingerprint.
    """
    start, choice = takes[0].start, made_by.choice
    registry = Registry.default()
    family = choose_family(registry, choice, start.state)
    preset = preset_of(family, choice.model, made_by.preset)
    family.preset(preset)  # refuses an unknown one before a checkpoint is looked at
    family.writing_codec(takes[0].request.output.state_kind)
    if made_by.source is not None:
        begun = begin_with(made_by.source, family, takes[0].request, preset)
        named, takes = begun.named(named), [_begun_take(each, begun) for each in takes]
        for line in begun.notes:
            click.echo(line, err=True)
    take = takes[0]
    check_early(family, take.first_request, preset=preset, continued=start.state is not None)
    states = [_states_of(family, each, store) for each in takes]
    asked = _asked(take, family, made_by, named)
    request = evolve(take.request, inputs=named.inputs)
    versions = registry.versions_of(family, preset)
    takes = [evolve(each, request=request, asked=asked, versions=versions) for each in takes]
    _tell_of_surplus(take)
    telling = narration_of_command()
    with open_pipeline(
        registry, family, choice, preset, made_by.overrides, narration=telling
    ) as pipeline:
        _check_model(pipeline, made_by)
        takes = [_shown(each, pipeline) for each in takes]
        seed = None
        for number, (each, kept) in enumerate(zip(takes, states, strict=True)):
            if len(takes) > 1:
                seed = pipeline.resolve(request).sampling.seed if seed is None else seed
                each = _with_seed(each, take_seed(seed, number))
            if number:
                telling = narration_of_command()
            _roll_take(pipeline, each, kept, made_by, named, store, telling)


def _roll_take(
    pipeline: Pipeline,
    take: Take,
    states: StateFile | None,
    made_by: MadeBy,
    named: NamedInputs,
    store: BlobStore | None,
    telling: Narration,
) -> None:
    start, files = take.start, take.files
    after = None
    if start.state is not None:
        after = restored(pipeline, made_by.choice, start.state, store, made_by.other_model)
    if start.prompts:
        with named.naming():
            first = admit_first(pipeline, take, after, store)
        roll(pipeline, take, first, states, telling)
    else:
        click.echo(f"{files.output}: has these segments already", err=True)
        end_take(pipeline, take, after, store, telling)
    if states is not None and files.save_state is None:
        states.remove()


def _shown(take: Take, pipeline: Pipeline) -> Take:
    """``take``, with pictures while it is made where there is a folder for them."""
    if take.files.preview is None:
        return take
    return evolve(take, request=asking_for_previews(take.request, pipeline.recipe))


def _with_seed(take: Take, seed: int) -> Take:
    request = evolve(take.request, sampling=evolve(take.request.sampling, seed=seed))
    first = None if take.first is None else evolve(take.first, seed=seed)
    return evolve(take, request=request, first=first)


def _begun_take(take: Take, begun: Begun) -> Take:
    """``take`` at the size and frame rate of its first segment, which has a length of its own."""
    own = take.request.sampling.num_frames
    sampling = evolve(begun.sampling, num_frames=own)
    return evolve(take, request=evolve(take.request, sampling=sampling), first=begun.sampling)


def _check_model(pipeline: Pipeline, made_by: MadeBy) -> None:
    if made_by.other_model or made_by.fingerprint is None:
        return
    if pipeline.model_fingerprint != made_by.fingerprint:
        raise ValidationError(
            "model", "is not the one that made the take; give that one, or say --allow-other-model"
        )


def _asked(take: Take, family: ModelFamily, made_by: MadeBy, named: NamedInputs) -> TakeRequest:
    """What the file says of how it was asked for; nothing of where files are."""
    choice, planned = made_by.choice, take.start.planned
    away = path_options(family, choice.family_options)
    inputs = named.inputs
    return TakeRequest(
        request=evolve(take.request, prompt=(planned or (take.request.prompt,))[0]),
        preset_overrides=dict(made_by.overrides),
        options={n: value for n, value in choice.family_options.items() if n not in away},
        elsewhere=needed_again(family, away) if away else (),
        dtype=choice.dtype,
        inputs=inputs.count,
        predicts_length=take.predicts_length,
    )


def _tell_of_surplus(take: Take) -> None:
    start, files = take.start, take.files
    if start.surplus:
        click.echo(
            f"{files.output}: segment {start.surplus[0].index + 1} is rolled again, because the "
            "state after it was not kept",
            err=True,
        )


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
