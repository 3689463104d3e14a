"""``longtake sessions list``: what is in a store, page by page."""

from __future__ import annotations

from typing import Any

import click

from longtake.cli.options.sessions import labels_option, open_sessions, sessions_option
from longtake.cli.terminal.moments import moment
from longtake.cli.terminal.tables import print_json, print_table
from longtake.session_stores.records import SessionRecord

__all__ = ["list_sessions", "record_document"]

_MOST = 1000


@click.command("list")
@sessions_option
@labels_option("Only those that have this label. Repeatable: they have all of them.")
@click.option("--after", metavar="ID", default="", help="Go on behind this id.")
@click.option(
    "--limit",
    type=click.IntRange(1, _MOST),
    default=100,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")
def list_sessions(
    sessions: str, labels: dict[str, str], after: str, limit: int, as_json: bool
) -> None:
    """List the sessions of a store in the order of their ids, a page at a time."""
    found = open_sessions(sessions).list(labels=labels, after=after, limit=limit)
    if as_json:
        print_json([record_document(record) for record in found])
    elif found:
        print_table(
            ("session", "segments", "preset", "last", "expires", "from", "labels"),
            [_row(record) for record in found],
        )
    else:
        click.echo("there is no session" + (f" behind {after}" if after else ""), err=True)
    if len(found) == limit:
        click.echo(f"there may be more: --after {found[-1].id}", err=True)


def record_document(record: SessionRecord) -> dict[str, Any]:
    """What a store says of a session, as plain JSON: without its state and segments."""
    parent = record.parent
    return {
        "id": record.id,
        "revision": record.revision,
        "family": record.family,
        "preset": record.preset,
        "num_segments": record.num_segments,
        "parent": None
        if parent is None
        else {"id": parent.id, "num_segments": parent.num_segments},
        "labels": record.labels,
        "created": record.created,
        "expires": record.expires,
    }


def _row(record: SessionRecord) -> tuple[str, ...]:
    parent = record.parent
    return (
        record.id,
        str(record.num_segments),
        f"{record.family} {record.preset}".strip(),
        moment(record.last.committed) if record.last is not None else "-",
        "-" if record.expires is None else moment(record.expires),
        "-" if parent is None else f"{parent.id} at {parent.num_segments}",
        ", ".join(f"{name}={value}" for name, value in sorted(record.labels.items())) or "-",
    )
