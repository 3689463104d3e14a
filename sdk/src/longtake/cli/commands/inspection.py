"""``longtake inspect``: what is in a state file, or in the file of a take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from longtake.cli.options.completion import blob_urls, state_and_take_files
from longtake.cli.options.stores import open_store
from longtake.cli.terminal.tables import print_json
from longtake.errors import ValidationError
from longtake.files import check_name
from longtake.media.formats import CONTAINER_FORMATS, container_format
from longtake.plugins.registry import Registry
from longtake.states.file import read_state
from longtake.states.state import (
    ContinuationCodec,
    ContinuationState,
    StatePart,
    StateSummary,
    SupportsSummary,
)

__all__ = ["inspect"]

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("file", type=_PATH, metavar="STATE.json|TAKE", shell_complete=state_and_take_files)
@click.option(
    "--blobs", metavar="URL", help="Where the state keeps big parts.", shell_complete=blob_urls
)
@click.option(
    "--frames",
    "folder",
    type=_PATH,
    metavar="DIR",
    help="Write frames there as PNGs, with a contact sheet: those that the state carries, or the "
    "first and last of each segment of the take.",
)
@click.option(
    "--thumbnail",
    type=_PATH,
    metavar="FILE.png",
    help="Write the first frame of the take there, at most 512 pixels a side.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on standard output."
)
def inspect(
    file: Path, blobs: str | None, folder: Path | None, thumbnail: Path | None, as_json: bool
) -> None:
    """Show what is in a state or in the file of a take.

    Of a state: kind, schema, segment and sizes, and where its bytes are. Of a take (.mp4, .mkv,
    .m4a, .wav): which segments it holds, their prompts and seeds, what made them, and how to go on.
    """
    if problem := check_name(file):
        raise ValidationError(str(file), problem)
    if container_format(file) is not None:
        if blobs is not None:
            raise click.UsageError("--blobs is for a state; a take's file has its own record.")
        from longtake.cli.commands.takes.inspection import inspect_take

        inspect_take(file, folder=folder, thumbnail=thumbnail, as_json=as_json)
        return
    if thumbnail is not None:
        raise click.UsageError("--thumbnail is for the file of a take; of a state: --frames DIR.")
    _inspect_state(file, blobs, folder, as_json)


def _inspect_state(path: Path, blobs: str | None, folder: Path | None, as_json: bool) -> None:
    given = _read(path)
    store = None if blobs is None else open_store(blobs)
    codec = _codec(given)
    if isinstance(codec, SupportsSummary):
        summary = codec.summarize(given, store)
    else:
        from longtake.cli.commands.plain_summary import plain_summary

        summary = plain_summary(codec, given, store)
    written: Sequence[Path] = ()
    if folder is not None:
        from longtake.cli.commands.frames import write_frames

        if not summary.frames:
            problem = "has no frames at hand: it carries none, or they are in a blob store"
            raise ValidationError(str(path), f"{problem}, which --blobs names")
        written = write_frames(folder, summary.frames)
    if as_json:
        print_json(_record(given, summary))
        return
    _print_summary(given, summary)
    for picture in written[-1:]:
        click.echo(
            f"{len(written) - 1} frames and {picture.name} are in {picture.parent}", err=True
        )


def _read(path: Path) -> ContinuationState:
    try:
        return read_state(path)
    except ValidationError:
        if not path.is_file() or _begins_like_json(path):
            raise
        kinds = ", ".join(CONTAINER_FORMATS)
        problem = f"is neither a state, which is JSON, nor the file of a take ({kinds})"
        raise ValidationError(str(path), problem) from None


def _begins_like_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(256).lstrip()[:1] in (b"{", b"[")


def _codec(state: ContinuationState) -> ContinuationCodec[Any]:
    codecs: list[ContinuationCodec[Any]] = [
        codec for provided in Registry.default().families for codec in provided.value.codecs
    ]
    for codec in codecs:
        if codec.kind == state.kind:
            return codec
    known = ", ".join(codec.kind for codec in codecs) or "none"
    raise ValidationError("kind", f"no installed family reads {state.kind!r}; known: {known}")


def _record(state: ContinuationState, summary: StateSummary) -> dict[str, Any]:
    return {
        "kind": state.kind,
        "schema_version": summary.schema_version,
        "segment_index": summary.segment_index,
        "parts": [
            {"name": p.name, "where": p.where, "num_bytes": p.num_bytes, "detail": p.detail}
            for p in summary.parts
        ],
    }


def _print_summary(state: ContinuationState, summary: StateSummary) -> None:
    version, index = summary.schema_version, summary.segment_index
    rows = [
        ("kind", state.kind + ("" if version is None else f", schema version {version}")),
        ("segment", "not known: give --blobs" if index is None else f"{index} (the first is 0)"),
        *((part.name, _part_text(part)) for part in summary.parts),
    ]
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        click.echo(f"{name.ljust(width)}  {text}")


def _part_text(part: StatePart) -> str:
    size = None if part.num_bytes is None else _size(part.num_bytes)
    return ", ".join(text for text in (part.where, size, part.detail) if text)


def _size(num_bytes: int) -> str:
    if num_bytes < 1024:
        return f"{num_bytes} bytes"
    if num_bytes < 1024**2:
        return f"{num_bytes / 1024:.1f} KiB"
    return f"{num_bytes / 1024**2:.1f} MiB"
