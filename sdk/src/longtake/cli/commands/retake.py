"""``longtake retake``: a clip, remade between two times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from longtake.cli.commands.takes.from_options import roll_take
from longtake.cli.options.rolling import rolling_options
from longtake.cli.options.sources import Retake, SourceChoice
from longtake.cli.options.takes import TakeCommand

__all__ = ["retake"]

_SECONDS = click.FloatRange(min=0)


@click.command(cls=TakeCommand)
@click.argument("clip", type=click.Path(path_type=Path), metavar="CLIP")
@click.argument("prompt", required=False)
@click.option(
    "--from",
    "remake_from",
    type=_SECONDS,
    metavar="SECONDS",
    help="Where in the clip the remade part begins; by default its beginning.",
)
@click.option(
    "--to",
    "remake_to",
    type=_SECONDS,
    metavar="SECONDS",
    help="Where in the clip it ends; by default the clip's end.",
)
@click.option(
    "--only",
    type=click.Choice(["video", "audio"]),
    help="Remake this alone, and keep the other as it is.",
)
@rolling_options
def retake(
    clip: Path,
    prompt: str | None,
    remake_from: float | None,
    remake_to: float | None,
    only: str | None,
    **options: Any,
) -> None:
    """Remake CLIP between two times, as PROMPT says, and keep the rest of its picture and sound.

    The take is as large, as long and as fast as the clip, as far as the family can make it; what
    differs is told. Whole latents are remade: with LTX-2, eight frames and 40 ms at once. With
    --save-state the take can go on behind the clip's end.
    """
    if remake_from is None and remake_to is None:
        raise click.UsageError("Say what is to be remade: --from, --to, or both.")
    wish = Retake(
        remake_from=remake_from,
        remake_to=remake_to,
        remake_video=only != "audio",
        remake_audio=only != "video",
    )
    prompts = () if prompt is None else (prompt,)
    source = SourceChoice(clip, wish)
    roll_take(prompts, source=source, segments=None, num_frames=None, state=None, **options)
