"""Several takes of one request: their files, and a sheet of them all."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click
from attrs import evolve

from longtake.cli.commands.takes.files import TakeFiles
from longtake.durable import replace_file
from longtake.errors import MissingDependencyError, OutputError
from longtake.files import check_replaceable
from longtake.takes.notes import read_take_record

__all__ = ["numbered_files", "write_sheet_of_takes"]


def numbered_files(files: TakeFiles, count: int) -> list[TakeFiles]:
    """The files of ``count`` takes: ``take-1.mp4`` and so on for ``take.mp4``; one has its own.

    Raises `click.UsageError` for what one take alone can have, `MissingDependencyError` without
    the package that draws the sheet, and `OutputError` where the sheet cannot be written.
    """
    if count == 1:
        return [files]
    for flag, said in (
        ("--resume", files.resume),
        ("--state", files.state is not None),
        ("--save-state", files.save_state is not None),
    ):
        if said:
            raise click.UsageError(f"{flag} is for one take: leave out --takes.")
    if find_spec("PIL") is None:
        raise MissingDependencyError("pillow", "--takes")
    sheet = _sheet_of(files.output)
    if sheet.exists() and not files.overwrite:
        raise OutputError(str(sheet), "is there already; name another output (-o)")
    check_replaceable(sheet)
    names = [f"{files.output.stem}-{n}{files.output.suffix}" for n in range(1, count + 1)]
    return [evolve(files, output=files.output.with_name(name)) for name in names]


def write_sheet_of_takes(output: Path, takes: Sequence[Path]) -> None:
    """Write the contact sheets of these takes, one below the other, beside ``output``."""
    import io

    from longtake.cli.commands.takes.pictures import sheet_of
    from longtake.media.stacked_sheets import stack_sheets

    sheets = []
    for take in takes:
        record = read_take_record(take)
        sheets.append((take.name, f"seed {record.seed}", sheet_of(take, record)))
    content = io.BytesIO()
    stack_sheets(sheets).save(content, "PNG")
    sheet = _sheet_of(output)
    try:
        replace_file(str(sheet), content.getvalue())
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise OutputError(str(sheet), problem) from error
    click.echo(f"{sheet}: the takes at a glance", err=True)


def _sheet_of(output: Path) -> Path:
    return output.with_name(f"{output.stem}-takes.png")
