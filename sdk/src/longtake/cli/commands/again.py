"""``longtake again``: the same take once more, from what its file says of how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from attrs import evolve, fields

from longtake.cli.commands.takes.files import TakeFiles, free_output, writing
from longtake.cli.commands.takes.keeping import Take
from longtake.cli.commands.takes.making import MadeBy, roll_takes
from longtake.cli.commands.takes.starting import Start
from longtake.cli.options.family import flag_of
from longtake.cli.options.inputs import InputChoice, read_inputs
from longtake.cli.options.models import ModelChoice, model_options
from longtake.cli.options.restoring import other_model_option
from longtake.cli.options.takes import TakeCommand
from longtake.errors import ValidationError
from longtake.plugins.registry import Registry
from longtake.requests.request import GenerationRequest
from longtake.takes.notes import read_take_record
from longtake.takes.record import TakeRecord, TakeRequest

__all__ = ["again"]


@click.command(cls=TakeCommand)
@click.argument("take", type=click.Path(path_type=Path))
@model_options
@other_model_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where the new take goes; by default take-again.mp4 beside take.mp4.",
)
def again(take: Path, output: Path | None, other_model: bool, **options: Any) -> None:
    """Make TAKE again: the same prompts, seed, preset and options, to the same frames.

    The file says all of that, but holds no paths and no inputs: say --model and what else names
    files as the first time. Prompts that were rewritten are taken as they were used. A take that
    went on from a state, or that images, clips or sound conditioned, cannot be made again from its
    file alone. Another kind of device, or other versions of what made it, may give other bits.
    """
    choice = ModelChoice(**{field.name: options.pop(field.name) for field in fields(ModelChoice)})
    record = read_take_record(take)
    asked = _asked(take, record, choice)
    if output is None:
        output = free_output(str(take.with_name(f"{take.stem}-again{take.suffix}")))
    files = TakeFiles(output=output)
    files.check(pictures=asked.request.output.video)
    made_by = MadeBy(
        _choice(record, asked, choice),
        record.preset,
        asked.preset_overrides,
        other_model=other_model,
        fingerprint=record.model,
    )
    _tell_of_versions(record, made_by)
    prompts = tuple(segment.used_prompt or segment.prompt for segment in record.segments)
    request = evolve(_without_enhancing(asked.request, record.seed), prompt=prompts[0])
    with writing(files.output, files.kept_state):
        made = Take(
            Start(prompts),
            request,
            files,
            ends=record.ended,
            predicts_length=asked.predicts_length,
        )
        roll_takes([made], made_by, read_inputs(InputChoice()), None)


def _asked(take: Path, record: TakeRecord, choice: ModelChoice) -> TakeRequest:
    """What the take was asked for with. Raises `ValidationError` if that is not all there."""
    problem = None
    asked = record.asked
    if asked is None:
        problem = "does not say what it was asked for with, or not all of it was asked for alike"
    elif record.begins_after is not None:
        problem = "goes on from a state, which it does not hold"
    elif asked.inputs:
        problem = f"was conditioned on inputs ({asked.inputs}), which it does not hold"
    elif not record.segments:
        problem = "holds no segment"
    elif missing := [name for name in asked.elsewhere if name not in choice.family_options]:
        flags = ", ".join(map(flag_of, missing))
        problem = f"was made with {flags}, whose files it does not name: say them again"
    if problem is not None:
        raise ValidationError(str(take), f"cannot be made again: it {problem}")
    assert asked is not None
    return asked


def _without_enhancing(request: GenerationRequest, seed: int | None) -> GenerationRequest:
    """The same request, whose prompts stay as they are: the file holds them as they were used."""
    sampling = evolve(request.sampling, seed=seed, enhance_prompt=None)
    overrides = {
        stage: {name: value for name, value in said.items() if name != "enhance_prompt"}
        for stage, said in request.stage_overrides.items()
    }
    return evolve(request, sampling=sampling, stage_overrides=overrides)


def _choice(record: TakeRecord, asked: TakeRequest, choice: ModelChoice) -> ModelChoice:
    """The model, with the options of the first time below those that are said now."""
    said = {n: tuple(v) if isinstance(v, list) else v for n, v in asked.options.items()}
    return evolve(
        choice,
        family=choice.family or record.family,
        dtype=choice.dtype or asked.dtype,
        family_options={**said, **choice.family_options},
    )


def _tell_of_versions(record: TakeRecord, made_by: MadeBy) -> None:
    """Say which versions are others now, as they may give other bits."""
    registry = Registry.default()
    here = registry.versions_of(registry.family(made_by.choice.family or ""), made_by.preset)
    for name, version in record.versions.items():
        if here.get(name) != version:
            there = here.get(name, "not installed")
            click.echo(f"{name} is {there}; the take was made with {version}", err=True)
