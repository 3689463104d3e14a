"""``longtake plan``: what a take will run and need, told without loading weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from attrs import evolve, fields

from longtake.cli.commands.plans.memory import fit_of
from longtake.cli.commands.plans.output import (
    plan_record,
    print_plan,
    print_published,
    published_record,
)
from longtake.cli.commands.plans.planned import Planned
from longtake.cli.commands.plans.speed import DEVICES, speed_of
from longtake.cli.options.amounts import memory_amount
from longtake.cli.options.documents import build_overrides, build_request, request_options
from longtake.cli.options.examples import Example, example_of
from longtake.cli.options.inputs import InputChoice, input_options, read_inputs
from longtake.cli.options.models import (
    ModelChoice,
    ModelCommand,
    choose_family,
    model_options,
    preset_options,
)
from longtake.cli.terminal.tables import print_json
from longtake.families.family import ModelFamily
from longtake.families.published import PublishedCheckpoint
from longtake.plugins.published import find_published, published_checkpoints
from longtake.plugins.registry import Registry
from longtake.schema.references import resolve

__all__ = ["plan"]


@click.command(cls=ModelCommand)
@model_options
@click.option(
    "--published",
    metavar="NAME",
    help="A published checkpoint that a family knows, instead of --model: no file is needed.",
)
@click.option("--list-published", is_flag=True, help="List those, and plan nothing.")
@click.option(
    "--device-memory",
    callback=memory_amount,
    metavar="SIZE",
    help="Of the device, e.g. 24GiB: says whether the take fits, and what would. Without --device "
    "this is about cuda.",
)
@click.option(
    "--device-name",
    type=click.Choice(sorted(DEVICES), case_sensitive=False),
    help="Whose speed the seconds are estimated with; of B200, H100 and H200 the SXM ones.",
)
@click.option(
    "--device-tflops",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="The same by the device's peak of dense bfloat16 products, in TFLOPS.",
)
@preset_options
@click.option(
    "--segments", type=click.IntRange(min=1), default=1, metavar="N", help="Of the take (1)."
)
@request_options
@input_options
@click.option("--num-frames", type=int, metavar="N", help="Of a segment, with those it repeats.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Any field of the request, e.g. denoise.stg_scale=0. Repeatable.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on standard output."
)
def plan(
    published: str | None,
    list_published: bool,
    device_memory: int | None,
    device_name: str | None,
    device_tflops: float | None,
    preset: str | None,
    preset_overrides: tuple[str, ...],
    segments: int,
    assignments: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Tell what a take will run and need: memory, time, and of every stage values, passes, FLOPs.

    Nothing is loaded; of a checkpoint only the configurations are read, and of a --published one
    not even those.
    """
    choice = ModelChoice(**{field.name: options.pop(field.name) for field in fields(ModelChoice)})
    registry = Registry.default()
    if list_published:
        _list_published(registry, as_json)
        return
    speed = speed_of(device_name, device_tflops)
    if choice.device is None and (device_memory, device_name, device_tflops) != (None, None, None):
        choice = evolve(choice, device="cuda")
    inputs = InputChoice(**{field.name: options.pop(field.name) for field in fields(InputChoice)})
    options = {**options, "allow_empty_prompt": True}  # what a segment shows costs nothing
    request = build_request("", options, assignments)
    overrides = build_overrides(preset_overrides)
    family, known = _chosen(registry, choice, published)
    if family.estimate is None:
        raise click.UsageError(
            f"family {family.name!r} does not say what a take will need: it has no estimate."
        )
    example = None if known is not None else example_of(family, choice.model)
    if example is not None and preset is None:
        preset = example.preset
    family.preset(preset)  # refuses an unknown one before a checkpoint is looked at
    with _checkpoint(family, choice.checkpoint, known, example) as path:
        named = read_inputs(inputs)
        request = evolve(request, inputs=named.inputs)
        planned = Planned.of(family, choice, path, preset, overrides, request, segments)
        with named.naming():
            job, estimate = planned.estimate()
        fit = fit_of(planned, job, estimate, device_memory)
        added = planned.added_stages()
    if as_json:
        print_json(
            plan_record(family, planned.preset_name, job, estimate, known, fit, speed, added)
        )
    else:
        print_plan(family, planned.preset_name, job, estimate, known, fit, speed, added)


def _chosen(
    registry: Registry, choice: ModelChoice, published: str | None
) -> tuple[ModelFamily, PublishedCheckpoint | None]:
    """The family, and which published checkpoint of its own is meant, if one is."""
    if published is None:
        return choose_family(registry, choice), None
    if choice.checkpoint is not None:
        raise click.UsageError("--published and --model are two checkpoints: give one of them")
    if choice.family is not None:
        return find_published([registry.family(choice.family)], published)
    return find_published([provided.value for provided in registry.families], published)


def _list_published(registry: Registry, as_json: bool) -> None:
    known = list(published_checkpoints(provided.value for provided in registry.families))
    if as_json:
        print_json([published_record(family, checkpoint) for family, checkpoint in known])
    else:
        print_published(known)


@contextmanager
def _checkpoint(
    family: ModelFamily,
    model: Path | None,
    known: PublishedCheckpoint | None,
    example: Example | None,
) -> Iterator[Path | None]:
    """The checkpoint that is planned for; what had to be written for that is gone afterwards."""
    if known is None and example is None:
        yield model
        return
    if example is not None:
        click.echo(
            f"note: without --model, this is about the tiny example of {family.name}; --model DIR "
            "points at a real checkpoint, --published NAME names one that is not there",
            err=True,
        )
    with TemporaryDirectory(prefix="longtake-", ignore_cleanup_errors=True) as folder:
        if example is not None:
            yield example.write(Path(folder))
        elif known is not None:
            write: Any = resolve(known.write_configs)
            yield write(known, Path(folder) / known.name)
