"""``longtake plan``: what a take will run and need, told without loading weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from attrs import evolve, fields, frozen

from longtake.cli.commands.plan_output import plan_record, print_plan
from longtake.cli.options.documents import build_overrides, build_request, request_options
from longtake.cli.options.family import options_for
from longtake.cli.options.models import (
    ModelChoice,
    ModelCommand,
    choose_family,
    model_options,
    preset_options,
)
from longtake.cli.terminal.tables import print_json
from longtake.families.estimates import EstimateRequest, RunEstimate
from longtake.families.family import ModelFamily
from longtake.plugins.registry import Registry
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.resolution import naming_sampling, resolve_request
from longtake.schema.references import resolve
from longtake.schema.wire import structure

__all__ = ["plan"]


@click.command(cls=ModelCommand)
@model_options
@preset_options
@click.option(
    "--segments", type=click.IntRange(min=1), default=1, metavar="N", help="Of the take (1)."
)
@request_options
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
    preset: str | None,
    preset_overrides: tuple[str, ...],
    segments: int,
    assignments: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Tell what a take will run and need: values, passes, FLOPs and memory of every stage.

    Nothing is loaded; of a checkpoint only the configurations are read.
    """
    choice = ModelChoice(**{field.name: options.pop(field.name) for field in fields(ModelChoice)})
    request = build_request("", options, assignments)
    overrides = build_overrides(preset_overrides)
    family = choose_family(Registry.default(), choice)
    if family.estimate is None:
        raise click.UsageError(
            f"family {family.name!r} does not say what a take will need: it has no estimate."
        )
    family.preset(preset)  # refuses an unknown one before a checkpoint is looked at
    with _checkpoint(family, choice.model) as path:
        planned = _planned(family, choice, path, preset, overrides)
        job, estimate = planned.estimate(request, segments)
    if as_json:
        print_json(plan_record(family, planned.preset_name, job, estimate))
    else:
        print_plan(family, planned.preset_name, job, estimate)


@frozen
class _Planned:
    """The model that a plan is for."""

    family: ModelFamily
    preset_name: str
    preset_overrides: Mapping[str, Any]
    path: Path | None
    device: str | None
    dtype: str | None
    options: Any

    def estimate(self, request: GenerationRequest, segments: int) -> tuple[Job, RunEstimate]:
        """Raises `ValidationError` for a request that the family refuses."""
        family, preset = self.family, self.family.preset(self.preset_name)
        recipe = family.recipe(preset, self.preset_overrides)
        continues = bool(family.codecs)
        if segments > 1 and not continues:
            raise click.UsageError(f"--segments: family {family.name!r} cannot continue a take")
        request = evolve(request, output=evolve(request.output, return_state=continues))
        resolved = resolve_request(request, family=family, preset=preset, recipe=recipe)
        estimate: Any = resolve(family.estimate)
        with naming_sampling(request, recipe):
            found = estimate(
                EstimateRequest(
                    path=self.path,
                    recipe=recipe,
                    job=resolved.job,
                    stage_options=resolved.options,
                    segments=segments,
                    device=self.device,
                    dtype=self.dtype,
                    options=self.options,
                )
            )
        return resolved.job, found


def _planned(
    family: ModelFamily,
    choice: ModelChoice,
    path: Path | None,
    preset: str | None,
    overrides: Mapping[str, Any],
) -> _Planned:
    rest = options_for(family, choice.family_options)
    cls: Any = resolve(family.options)
    recognise: Any = resolve(family.recognise)
    known = None if path is None or recognise is None else recognise(path)
    name = preset or (None if known is None else known.preset)
    return _Planned(
        family,
        name or family.preset().name,
        overrides,
        path,
        choice.device,
        choice.dtype,
        None if cls is None else structure(rest, cls),
    )


@contextmanager
def _checkpoint(family: ModelFamily, model: Path | None) -> Iterator[Path | None]:
    """The checkpoint that is planned for; without ``model`` an example, gone afterwards."""
    if model is not None or family.example is None:
        yield model
        return
    click.echo(
        f"note: without --model, this is about the tiny example of {family.name}; "
        "--model DIR points at a real checkpoint",
        err=True,
    )
    write: Any = resolve(family.example)
    with TemporaryDirectory(prefix="longtake-", ignore_cleanup_errors=True) as folder:
        yield write(Path(folder) / "example")
