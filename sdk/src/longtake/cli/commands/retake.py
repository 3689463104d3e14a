"""``longtake retake``: a clip, remade between two times, in some places, or made larger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from longtake.cli.commands.takes.from_options import roll_take
from longtake.cli.options.remaking import REMAKING, remade_by, remaking_options
from longtake.cli.options.rolling import rolling_options
from longtake.cli.options.sources import SourceChoice
from longtake.cli.options.takes import TakeCommand

__all__ = ["retake"]


@click.command(cls=TakeCommand)
@click.argument("clip", type=click.Path(path_type=Path), metavar="CLIP")
@click.argument("prompt", required=False)
@remaking_options
@rolling_options
def retake(clip: Path, prompt: str | None, **options: Any) -> None:
    """Remake CLIP between two times, as PROMPT says, and keep the rest of its picture and sound.

    With --mask the picture is remade where it says so, all the time unless there is one, and with
    --pad it gets larger; the sound is kept but between two times. The take is as large, as long and
    as fast as the clip, as far as the family can make it; what differs is told. Whole latents are
    remade: with LTX-2, 32 pixels, eight frames and 40 ms at once. With --save-state the take can go
    on behind the clip's end.
    """
    wish = remade_by({name: options.pop(name) for name in REMAKING})
    if not wish.remakes:
        raise click.UsageError("Say what is to be remade: --from, --to, or both; --mask or --pad.")
    prompts = () if prompt is None else (prompt,)
    source = SourceChoice(clip, wish)
    roll_take(prompts, source=source, segments=None, num_frames=None, state=None, **options)
