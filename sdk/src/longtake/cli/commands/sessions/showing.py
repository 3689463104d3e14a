"""``longtake sessions show``: a session, where it forks, and what it is made of."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from longtake.cli.commands.sessions.family_tree import Relative, relatives_of
from longtake.cli.commands.sessions.listing import record_document
from longtake.cli.options.sessions import (
    blobs_option,
    open_blobs,
    open_sessions,
    sessions_option,
)
from longtake.cli.terminal.branches import Branch, Marks, draw_branches
from longtake.cli.terminal.moments import length, moment
from longtake.cli.terminal.tables import print_json, print_table
from longtake.session_stores.records import SessionRecord, SessionSegment

__all__ = ["show"]

_DIGEST = 12
"""Characters of a digest that are shown to people."""


@click.command()
@click.argument("session_id", metavar="ID")
@sessions_option
@blobs_option
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    metavar="OUT.png",
    help="Write a contact sheet of every branch to this picture.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")
def show(
    session_id: str, sessions: str, blobs: str | None, sheet: Path | None, as_json: bool
) -> None:
    """Show the session ID: what it shares with its forks, and its segments."""
    store = open_sessions(sessions)
    if as_json:
        record = store.read(session_id)
        segments = store.history(session_id)
        print_json(
            {**record_document(record), "segments": [_segment_document(s) for s in segments]}
        )
        relatives: Sequence[Relative] = ()
    else:
        relatives = relatives_of(store, session_id)
        _print(next(each for each in relatives if each.record.id == session_id), relatives)
    if sheet is not None:
        from longtake.cli.commands.sessions.sheets import check_sheet, write_sheet

        check_sheet(sheet)
        relatives = relatives or relatives_of(store, session_id)
        write_sheet(relatives, open_blobs(blobs, sessions), sheet)
        click.echo(f"{sheet}: {_counted(len(relatives), 'contact sheet')}", err=True)


def _segment_document(segment: SessionSegment) -> dict[str, Any]:
    """A segment as plain JSON, without the ids of the blobs, which are its store's business."""
    return {
        "index": segment.index,
        "step": segment.step,
        "request": segment.request,
        "state_digest": segment.state_digest,
        "media": list(segment.media),
        "seconds": segment.seconds,
        "made_by": segment.made_by,
        "versions": segment.versions,
        "committed": segment.committed,
    }


def _print(shown: Relative, relatives: Sequence[Relative]) -> None:
    record, segments = shown.record, shown.segments
    rows = list(_facts(record, segments))
    width = max(len(label) for label, _ in rows)
    for label, text in rows:
        click.echo(f"{label.ljust(width)}  {text}")
    if len(relatives) > 1 or segments:
        click.echo()
        for line in _drawing(shown, relatives):
            click.echo(line)
    if segments:
        click.echo()
        print_table(
            ("#", "seconds", "prompt", "made by", "when", "state"),
            [_row(segment) for segment in segments],
        )


def _facts(record: SessionRecord, segments: Sequence[SessionSegment]) -> list[tuple[str, str]]:
    seconds = sum(segment.seconds for segment in segments)
    holds = f"{_counted(len(segments), 'segment')}, {length(seconds)}"
    rows = [
        ("session", record.id),
        ("holds", holds if segments else "nothing yet"),
        ("family", record.family),
        ("preset", record.preset or "-"),
        ("revision", str(record.revision)),
        ("created", moment(record.created)),
        ("expires", "never" if record.expires is None else moment(record.expires)),
    ]
    if record.parent is not None:
        after = _counted(record.parent.num_segments, "segment")
        rows.append(("forked from", f"{record.parent.id}, after {after}"))
    rows += [("label", f"{name}={value}") for name, value in sorted(record.labels.items())]
    return rows


def _drawing(shown: Relative, relatives: Sequence[Relative]) -> list[str]:
    branches = [
        Branch(
            f"{'>' if each is shown else ' '} {each.record.id}",
            each.shared,
            len(each.segments),
            each.parent,
            _note(each),
        )
        for each in relatives
    ]
    return draw_branches(branches, Marks.for_encoding(sys.stdout.encoding))


def _note(relative: Relative) -> str:
    count = len(relative.segments) - relative.shared
    own = sum(segment.seconds for segment in relative.segments[relative.shared :])
    if relative.parent is None:
        return f"{_counted(count, 'segment')}, {length(own)}"
    return f"{count} of its own, {length(own)}" if count else "nothing of its own yet"


def _row(segment: SessionSegment) -> tuple[str, ...]:
    prompt = segment.request.get("prompt")
    digest = (segment.state_digest or "-").removeprefix("sha256:")
    return (
        str(segment.index + 1),
        f"{segment.seconds:.2f}",
        " ".join(prompt.split()) if isinstance(prompt, str) and prompt.strip() else "(no prompt)",
        segment.made_by or "-",
        moment(segment.committed),
        digest[:_DIGEST],
    )


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
