"""``longtake enhance``: a prompt as the model rewrites it, and nothing else of a segment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from attrs import evolve, fields

from longtake.cli.options.documents import build_overrides, build_request
from longtake.cli.options.examples import preset_of
from longtake.cli.options.models import (
    ModelChoice,
    ModelCommand,
    choose_family,
    model_options,
    open_pipeline,
    preset_options,
)
from longtake.plugins.registry import Registry
from longtake.requests.inputs import ImageInput, Inputs

__all__ = ["enhance"]


@click.command(cls=ModelCommand)
@click.argument("prompt")
@model_options
@preset_options
@click.option("--seed", type=int, metavar="N", help="Of the take whose first segment it is.")
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The first picture of the request, which the model may see.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Any field of the request, e.g. enhance.max_new_tokens=200. Repeatable.",
)
def enhance(
    prompt: str,
    image: Path | None,
    seed: int | None,
    preset: str | None,
    preset_overrides: tuple[str, ...],
    assignments: tuple[str, ...],
    **options: Any,
) -> None:
    """Print PROMPT as the model rewrites it in more words; nothing is made of it.

    It is what a take with --enhance and the same seed, preset and options has as its first
    segment's prompt. Of the model's networks the one that writes is loaded alone.
    """
    choice = ModelChoice(**{field.name: options.pop(field.name) for field in fields(ModelChoice)})
    request = build_request(prompt, {"seed": seed}, assignments)
    if image is not None:
        request = evolve(request, inputs=Inputs(images=(ImageInput.from_file(image),)))
    registry = Registry.default()
    family = choose_family(registry, choice)
    preset = preset_of(family, choice.model, preset)
    family.preset(preset)  # refuses an unknown one before a checkpoint is looked at
    overrides = build_overrides(preset_overrides)
    with open_pipeline(registry, family, choice, preset, overrides) as pipeline:
        click.echo(pipeline.enhance(request))
