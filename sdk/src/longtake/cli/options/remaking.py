"""The options that say what of a clip is remade, for every command that takes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from longtake.cli.options.groups import with_options
from longtake.cli.options.sources import Retake

__all__ = ["REMAKING", "remade_by", "remaking_options"]

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS = click.FloatRange(min=0)
_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.option(
        "--from",
        "remake_from",
        type=_SECONDS,
        metavar="SECONDS",
        help="Where in the clip the remade part begins; by default its beginning.",
    ),
    click.option(
        "--to",
        "remake_to",
        type=_SECONDS,
        metavar="SECONDS",
        help="Where in the clip it ends; by default the clip's end.",
    ),
    click.option(
        "--only",
        type=click.Choice(["video", "audio"]),
        help="Remake this alone, and keep the other as it is.",
    ),
    click.option(
        "--mask",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Remake the picture where this still or video of the clip's size is white.",
    ),
    click.option(
        "--mask-white",
        "white",
        type=click.Choice(["remade", "kept"]),
        default="remade",
        help="Whether what is white in the mask is remade, or what is black.",
    ),
    click.option(
        "--pad",
        type=click.IntRange(min=0),
        nargs=4,
        default=(0, 0, 0, 0),
        metavar="TOP RIGHT BOTTOM LEFT",
        help="Pixels to be made around the clip.",
    ),
    click.option(
        "--strength",
        type=click.FloatRange(0, 1),
        default=1.0,
        metavar="SHARE",
        help="How strongly what is kept of the picture is kept; 1 keeps it as it is.",
    ),
)
REMAKING = {
    "remake_from": "--from",
    "remake_to": "--to",
    "only": "--only",
    "mask": "--mask",
    "white": "--mask-white",
    "pad": "--pad",
    "strength": "--strength",
}
"""What `remaking_options` gives to a command, by the options' names."""


def remaking_options(command: F) -> F:
    """When, where and how much of a clip is remade, for a command."""
    return with_options(command, _OPTIONS)


def remade_by(said: Mapping[str, Any]) -> Retake:
    """What the options say, by the names in `REMAKING`. Raises `click.UsageError`."""
    if said["white"] == "kept" and said["mask"] is None:
        raise click.UsageError("--mask-white has no effect without --mask.")
    return Retake(
        remake_from=said["remake_from"],
        remake_to=said["remake_to"],
        remake_video=said["only"] != "audio",
        remake_audio=said["only"] != "video",
        mask=said["mask"],
        white=said["white"],
        pad=said["pad"],
        strength=said["strength"],
    )
