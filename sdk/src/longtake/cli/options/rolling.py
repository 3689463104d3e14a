"""The options that every command which rolls a take into a file has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from longtake.cli.options.completion import blob_urls, state_files
from longtake.cli.options.documents import request_options
from longtake.cli.options.groups import with_options
from longtake.cli.options.inputs import input_options
from longtake.cli.options.models import model_options, preset_options
from longtake.cli.options.restoring import other_model_option

__all__ = ["rolling_options", "segments_option"]

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)
_OPTIONS: tuple[Callable[..., Any], ...] = (
    model_options,
    other_model_option,
    preset_options,
    click.option("--seed", type=int, metavar="N", help="Of the whole take."),
    request_options,
    click.option("--negative-prompt", metavar="TEXT"),
    input_options,
    click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="PATH=VALUE",
        help="Any field of the request, e.g. sampling.seed=3 or denoise.stg_scale=0. Repeatable.",
    ),
    click.option(
        "--save-state",
        type=_PATH,
        metavar="OUT.json",
        help="The take is to be continued from here.",
        shell_complete=state_files,
    ),
    click.option(
        "--state-kind", metavar="KIND", help="The kind of states to write; by default the family's."
    ),
    click.option("--finish", is_flag=True, help="End the sound, also with --save-state."),
    click.option(
        "--blobs",
        metavar="URL",
        help="Where states keep big parts, e.g. file:///folder.",
        shell_complete=blob_urls,
    ),
    click.option(
        "-o",
        "--output",
        type=_PATH,
        help="A .mp4, or a lossless .mkv; with --no-video also a .m4a or .wav. By default "
        "take.mp4, or take-2.mp4 and so on where that is taken.",
    ),
    click.option(
        "--preview",
        type=_PATH,
        metavar="FOLDER",
        help="Write what the picture is expected to become there while it is made, a PNG a step.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on in the output that is there: the same command again rolls what is left, and "
        "with --state the prompts come next.",
    ),
    click.option(
        "--overwrite", is_flag=True, help="Replace the output that is there, or its last segments."
    ),
    click.option(
        "--discard-state",
        is_flag=True,
        help="Replace also the state of a take that is not finished.",
    ),
)


def segments_option(command: F) -> F:
    """``--segments``: how many, where there are fewer prompts."""
    option = click.option(
        "--segments", type=click.IntRange(min=1), metavar="N", help="The last prompt repeats."
    )
    return option(command)


def rolling_options(command: F) -> F:
    """What model, what preset, what request, what conditions it, and which files."""
    return with_options(command, _OPTIONS)
