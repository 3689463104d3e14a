"""``longtake generate``: a take from prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from longtake.cli.commands.takes.from_options import AUTO, roll_take
from longtake.cli.options.completion import state_files
from longtake.cli.options.rolling import rolling_options, segments_option
from longtake.cli.options.takes import TakeCommand

__all__ = ["generate"]


def _frames_or_auto(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> int | str | None:
    if value is None or value == AUTO:
        return value
    frames: int = click.INT(value, parameter, context)
    return frames


@click.command(cls=TakeCommand)
@click.argument("prompts", nargs=-1, metavar="PROMPT...")
@rolling_options
@segments_option
@click.option(
    "--takes",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="As many takes of the same prompts, each with a seed of its own, and a sheet of them all.",
)
@click.option(
    "--num-frames",
    metavar="N|auto",
    callback=_frames_or_auto,
    help="Of a segment, with those it repeats; auto asks the model, if it can tell.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="IN.json",
    help="Go on from this state.",
    shell_complete=state_files,
)
def generate(prompts: tuple[str, ...], **options: Any) -> None:
    """Roll a take of picture and sound: one segment per PROMPT, the last one repeats.

    Images, clips and audio condition the first segment that this command rolls; the others go on
    from it. FRAME counts from 0 in that segment, the frames that it repeats included, and -1 is
    its last; STRENGTH is 0 to 1, where 1 keeps the input as it is.

    Progress is told on standard error. A take that is interrupted leaves its finished segments in
    the output file, and the state to go on from in OUT.json or else beside the output; --resume
    goes on with both.
    """
    roll_take(prompts, **options)
