"""``longtake join``: the files of a take as one, or as another kind of file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from longtake.cli.commands.takes.files import free_output, same_file, state_beside, writing
from longtake.cli.options.completion import take_files
from longtake.errors import OutputError
from longtake.media.formats import container_format
from longtake.takes.record import TakeRecord

__all__ = ["join", "tell_joined"]

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument(
    "parts",
    type=_PATH,
    nargs=-1,
    required=True,
    metavar="PART...",
    shell_complete=take_files,
)
@click.option(
    "-o",
    "--output",
    type=_PATH,
    help="A .mp4, .mkv, .m4a or .wav; or a .gif or .webp, which hold pictures alone. By default "
    "take with the suffix of the first part, or take-2 and so on where that is taken.",
)
@click.option("--overwrite", is_flag=True, help="Replace the output that is there.")
def join(parts: tuple[Path, ...], output: Path | None, overwrite: bool) -> None:
    """Make one file of the parts of a take, given in their order, as one process would have.

    Pictures and sound are copied; only where parts meet is sound encoded again. One part and
    another suffix make another kind of file: longtake join take.mkv -o take.gif. The parts stay.
    """
    from longtake.takes.joining import join_takes

    if output is None:
        output = free_output(f"take{parts[0].suffix}")
    for part in parts:
        if same_file(part, output):
            raise click.UsageError(f"-o names {part}, a part; join into a file of its own.")
    with writing(output):
        _check_kept(output, overwrite=overwrite)
        record = join_takes(parts, output, overwrite=overwrite)
    tell_joined(output, record)
    if container_format(output) is not None and not record.ended:
        from longtake.cli.commands.takes.inspection import way_on

        click.echo(f"go on with: {way_on(output, record)}", err=True)


def _check_kept(output: Path, *, overwrite: bool) -> None:
    """Refuse to replace what is there unasked, and ever a take that still goes on."""
    if os.path.lexists(output) and not overwrite:
        ways = "name another file (-o), or replace it (--overwrite)"
        raise OutputError(str(output), f"is there already; {ways}")
    state = state_beside(output)
    if os.path.lexists(state):
        problem = "is the state of a take that is not finished; name another file (-o)"
        raise OutputError(str(state), problem)


def tell_joined(output: Path, record: TakeRecord) -> None:
    """Say what is in the file that the parts of a take were joined to."""
    count = len(record.segments)
    segments = "1 segment" if count == 1 else f"{count} segments"
    frames = record.end_frame - record.first_frame
    container = container_format(output)
    if record.height and (container is None or container.holds_pictures):
        length = f"{frames} frames, {float(frames / record.fps):.2f} s"
    else:
        samples = record.end_sample - record.first_sample
        length = f"{samples / record.sample_rate:.2f} s of sound"
    if container is None:
        silent = ", without its sound" if record.channels else ""
        click.echo(f"{output}: {length}{silent}", err=True)
        return
    click.echo(f"{output}: {segments}, {length}", err=True)
