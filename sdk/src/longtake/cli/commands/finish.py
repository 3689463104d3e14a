"""``longtake finish``: the end of a take, from its state alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from longtake.cli.options.models import (
    ModelChoice,
    ModelCommand,
    choose_family,
    model_options,
    open_pipeline,
)
from longtake.cli.options.stores import open_store
from longtake.cli.terminal.progress import seconds_of
from longtake.errors import ValidationError
from longtake.media.writer import check_output
from longtake.plugins.registry import Registry
from longtake.states.file import read_state

__all__ = ["finish"]

_PATH = click.Path(path_type=Path)


@click.command(cls=ModelCommand)
@click.option("--state", type=_PATH, metavar="IN.json", required=True, help="Of the take to end.")
@model_options
@click.option("--blobs", metavar="URL", help="Where the state keeps big parts.")
@click.option(
    "-o",
    "--output",
    type=_PATH,
    default=Path("tail.mp4"),
    show_default=True,
    help="A .mp4 or .m4a, or a lossless .mkv; it holds sound alone.",
)
def finish(state: Path, blobs: str | None, output: Path, **options: Any) -> None:
    """Write the sound that a take holds back while it is to be continued.

    Joined to what there is, picture and sound end together. The take's own model is needed.
    """
    choice = ModelChoice(**options)
    check_output(output)
    given = read_state(state)
    store = None if blobs is None else open_store(blobs)
    registry = Registry.default()
    family = choose_family(registry, choice, given)
    if not family.finish:
        raise ValidationError(str(state), f"takes of family {family.name!r} hold nothing back")
    with open_pipeline(registry, family, choice) as pipeline:
        result = pipeline.finish(given, blobs=store)
    if result.audio is None or not result.audio.shape[1]:
        raise ValidationError(str(state), "the take has no sound left to end")
    result.save(output)
    click.echo(f"{output}: {seconds_of(result):.2f} s of sound", err=True)
