"""What ``longtake inspect`` shows of a take's file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from longtake.cli.commands.takes.files import state_beside
from longtake.cli.terminal.tables import print_json
from longtake.errors import LongtakeError
from longtake.schema.wire import unstructure
from longtake.states.file import read_state
from longtake.takes.notes import read_take_record
from longtake.takes.record import SegmentRecord, TakeRecord

__all__ = ["inspect_take", "way_on"]


def inspect_take(path: Path, *, folder: Path | None, thumbnail: Path | None, as_json: bool) -> None:
    """Show the record in the take's file at ``path``, and write the pictures that are asked for.

    ``folder``: for the frames at the seams and a contact sheet. ``thumbnail``: a PNG.
    """
    from longtake.cli.commands.takes.pictures import check_thumbnail, write_seams, write_thumbnail
    from longtake.media.playing import title_of

    record = read_take_record(path)
    title = title_of(path)
    if thumbnail is not None:
        check_thumbnail(thumbnail)
    written = [] if folder is None else write_seams(path, record, folder)
    if thumbnail is not None:
        write_thumbnail(path, thumbnail)
    if as_json:
        print_json({"title": title, **unstructure(record)})
    else:
        _print_rows(path, record, title)
    for sheet in written[-1:]:
        frames = f"{len(written) - 1} frames and " if len(written) > 1 else ""
        click.echo(f"{frames}{sheet.name} in {sheet.parent}", err=True)


def _print_rows(path: Path, record: TakeRecord, title: str | None) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    rows = [
        ("title", title),
        ("holds", _holdings(record)),
        ("family", record.family),
        ("preset", record.preset),
        ("seed", None if record.seed is None else str(record.seed)),
        ("asked", _asked_text(record)),
        ("model", record.model),
        ("versions", versions or None),
        ("pictures", _pictures_text(record)),
        ("sound", _sound_text(record)),
        *((f"segment {each.index + 1}", _segment_text(each, record)) for each in record.segments),
        *(("to come", prompt or "(no prompt)") for prompt in _left(record)),
        ("next", way_on(path, record)),
        ("again", _way_again(path, record)),
    ]
    told = [(label, text) for label, text in rows if text is not None]
    width = max(len(label) for label, _ in told)
    for label, text in told:
        click.echo(f"{label.ljust(width)}  {text}")


def _holdings(record: TakeRecord) -> str:
    if not record.segments:
        return "the end of its take" if record.ended else "nothing yet"
    first, last = record.segments[0].index + 1, record.segments[-1].index + 1
    which = f"segment {first}" if first == last else f"segments {first} to {last}"
    begins = "from its beginning" if first == 1 else "a part"
    ends = "to its end" if record.ended else "not finished"
    return f"{which} of the take: {begins}, {ends}"


def _pictures_text(record: TakeRecord) -> str:
    if not record.height:
        return "none"
    frames = record.end_frame - record.first_frame
    size = f"{record.width}x{record.height} (width x height) at {record.fps} fps"
    return f"{frames} frames of {size}, {_seconds(Fraction(frames) / record.fps)}"


def _sound_text(record: TakeRecord) -> str:
    if not record.channels:
        return "none"
    seconds = Fraction(record.end_sample - record.first_sample, record.sample_rate)
    channels = "1 channel" if record.channels == 1 else f"{record.channels} channels"
    return f"{channels} at {record.sample_rate} Hz, {_seconds(seconds)}"


def _segment_text(segment: SegmentRecord, record: TakeRecord) -> str:
    seed = "" if segment.seed is None else f" (seed {segment.seed})"
    begins = Fraction(segment.first_frame) / record.fps
    used = "" if segment.used_prompt is None else f", rewritten to: {segment.used_prompt}"
    return f"from {_seconds(begins)}: {segment.prompt or '(no prompt)'}{seed}{used}"


def _seconds(value: Fraction) -> str:
    return f"{float(value):.2f} s"


def _left(record: TakeRecord) -> tuple[str, ...]:
    """The prompts of the take that it does not hold yet."""
    if record.ended:
        return ()
    held = record.segments[-1].index + 1 if record.segments else 0
    return record.planned[held:]


def way_on(path: Path, record: TakeRecord) -> str:
    """The command that goes on with the take in the file at ``path``."""
    if record.ended:
        return "nothing: the take is finished"
    beside = state_beside(path)
    files: tuple[str, ...] = ("-o", str(path), "--resume")
    if _goes_on_from(beside, record) and _left(record):
        return _command((), record, files)
    state = str(beside) if _goes_on_from(beside, record) else "STATE.json"
    return _command(("NEXT PROMPT",), record, ("--state", state, "--save-state", state, *files))


def _asked_text(record: TakeRecord) -> str | None:
    """What was asked for beside prompts and seed; None where that was nothing or is not known."""
    if record.asked is None:
        return None
    asked = record.asked
    request: dict[str, Any] = asked.request.to_dict()
    said = {name: v for name, v in request["sampling"].items() if name != "seed"}
    said["negative_prompt"] = asked.request.negative_prompt
    for layers in (asked.request.stage_overrides, asked.preset_overrides):
        said |= {f"{stage}.{name}": v for stage, each in layers.items() for name, v in each.items()}
    said |= {**asked.options, "dtype": asked.dtype, "inputs": asked.inputs or None}
    told = [f"{name} {value}" for name, value in said.items() if value is not None]
    return ", ".join(told) or None


def _way_again(path: Path, record: TakeRecord) -> str | None:
    """The command that makes the take once more; None where its file alone does not say how."""
    asked = record.asked
    if asked is None or asked.inputs or record.begins_after is not None or not record.segments:
        return None
    model = ["--model", "FOLDER"] if record.model is not None else []
    away = [text for name in asked.elsewhere for text in (f"--{name.replace('_', '-')}", "PATH")]
    return shlex.join(["longtake", "again", str(path), *model, *away])


def _command(prompts: tuple[str, ...], record: TakeRecord, files: tuple[str, ...]) -> str:
    return shlex.join(["longtake", "generate", *prompts, *_model_options(record), *files])


def _model_options(record: TakeRecord) -> Iterator[str]:
    if record.model is not None:
        yield from ("--model", "FOLDER")
    elif record.family is not None:
        yield from ("--family", record.family)
    if record.preset is not None:
        yield from ("--preset", record.preset.partition("@")[0])
    if not record.height:
        yield "--no-video"
    if not record.channels:
        yield "--no-audio"


def _goes_on_from(state: Path, record: TakeRecord) -> bool:
    """Whether ``state`` is there and follows one of the segments, so that --resume finds it."""
    if not state.is_file():
        return False
    try:
        digest = read_state(state).digest()
    except LongtakeError:
        return False
    return digest in {segment.state for segment in record.segments}
