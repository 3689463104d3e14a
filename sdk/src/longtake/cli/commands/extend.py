"""``longtake extend``: a clip that goes on, or begins earlier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from longtake.cli.commands.takes.from_options import roll_take
from longtake.cli.options.rolling import rolling_options, segments_option
from longtake.cli.options.sources import Extension, SourceChoice
from longtake.cli.options.takes import TakeCommand

__all__ = ["extend"]

_SECONDS = click.FloatRange(min=0, min_open=True)


@click.command(cls=TakeCommand)
@click.argument("clip", type=click.Path(path_type=Path), metavar="CLIP")
@click.argument("prompts", nargs=-1, metavar="PROMPT...")
@click.option("--backward", is_flag=True, help="Add what comes before the clip, not behind it.")
@click.option(
    "--by",
    type=_SECONDS,
    metavar="SECONDS",
    help="How much the first segment adds; by default as long as a segment of the preset.",
)
@click.option(
    "--keep",
    type=_SECONDS,
    metavar="SECONDS",
    help="How much of the clip it goes on from, and is in the take; by default all.",
)
@segments_option
@rolling_options
def extend(
    clip: Path,
    prompts: tuple[str, ...],
    backward: bool,
    by: float | None,
    keep: float | None,
    **options: Any,
) -> None:
    """Go on from CLIP, one segment per PROMPT; the clip is the beginning of the take.

    The first segment has the clip, which is kept, and what comes behind it; further ones go on from
    its state. With --backward the clip is the end of the one segment. The take is as large and as
    fast as the clip, as far as the family can make it; what differs is told. With --save-state the
    take can go on, like any other.
    """
    if backward and (len(prompts) > 1 or (options["segments"] or 1) > 1):
        raise click.UsageError("--backward makes one segment: give one prompt.")
    wish = Extension(backward=backward, by=by, keep=keep)
    source = SourceChoice(clip, wish)
    roll_take(prompts, source=source, num_frames=None, state=None, **options)
