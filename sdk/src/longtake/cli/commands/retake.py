"""``longtake retake``: a clip, remade between two times, in some places, or made larger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from longtake.cli.commands.takes.from_options import roll_take
from longtake.cli.options.rolling import rolling_options
from longtake.cli.options.sources import Retake, SourceChoice
from longtake.cli.options.takes import TakeCommand
from longtake.requests.masks import White

__all__ = ["retake"]

_SECONDS = click.FloatRange(min=0)
_FILE = click.Path(path_type=Path)


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
@click.option(
    "--mask",
    type=_FILE,
    metavar="FILE",
    help="Remake the picture where this still or video of the clip's size is white.",
)
@click.option(
    "--mask-white",
    "white",
    type=click.Choice(["remade", "kept"]),
    default="remade",
    help="Whether what is white in the mask is remade, or what is black.",
)
@click.option(
    "--pad",
    type=click.IntRange(min=0),
    nargs=4,
    default=(0, 0, 0, 0),
    metavar="TOP RIGHT BOTTOM LEFT",
    help="Pixels to be made around the clip.",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=1.0,
    metavar="SHARE",
    help="How strongly what is kept of the picture is kept; 1 keeps it as it is.",
)
@rolling_options
def retake(
    clip: Path,
    prompt: str | None,
    remake_from: float | None,
    remake_to: float | None,
    only: str | None,
    mask: Path | None,
    white: White,
    pad: tuple[int, int, int, int],
    strength: float,
    **options: Any,
) -> None:
    """Remake CLIP between two times, as PROMPT says, and keep the rest of its picture and sound.

    With --mask the picture is remade where it says so, all the time unless there is one, and with
    --pad it gets larger; the sound is kept but between two times. The take is as large, as long and
    as fast as the clip, as far as the family can make it; what differs is told. Whole latents are
    remade: with LTX-2, 32 pixels, eight frames and 40 ms at once. With --save-state the take can go
    on behind the clip's end.
    """
    if remake_from is None and remake_to is None and mask is None and not any(pad):
        raise click.UsageError("Say what is to be remade: --from, --to, or both; --mask or --pad.")
    if white == "kept" and mask is None:
        raise click.UsageError("--mask-white has no effect without --mask.")
    wish = Retake(
        remake_from=remake_from,
        remake_to=remake_to,
        remake_video=only != "audio",
        remake_audio=only != "video",
        mask=mask,
        white=white,
        pad=pad,
        strength=strength,
    )
    prompts = () if prompt is None else (prompt,)
    source = SourceChoice(clip, wish)
    roll_take(prompts, source=source, segments=None, num_frames=None, state=None, **options)
