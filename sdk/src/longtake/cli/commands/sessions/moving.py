"""``longtake sessions export`` and ``import``: a session as one file, from store to store."""

from __future__ import annotations

import os
from pathlib import Path

import click

from longtake.cli.options.sessions import (
    blobs_option,
    open_blobs,
    open_sessions,
    sessions_option,
)

__all__ = ["export", "import_"]

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("session_id", metavar="ID")
@click.argument("file", metavar="OUT.zip", type=_FILE)
@sessions_option
@blobs_option
@click.option("--overwrite", is_flag=True, help="Replace the file that is there.")
def export(session_id: str, file: Path, sessions: str, blobs: str | None, overwrite: bool) -> None:
    """Write the session ID to one file: its segments, states and media, with digests of all."""
    from longtake.sessions.exporting import export_session

    record = export_session(
        open_sessions(sessions),
        session_id,
        file,
        blobs=open_blobs(blobs, sessions),
        overwrite=overwrite,
    )
    size = os.path.getsize(file) / 2**20
    click.echo(f"{file}: {record.num_segments} segments, {size:.1f} MiB", err=True)


@click.command("import")
@click.argument("file", metavar="IN.zip", type=_FILE)
@sessions_option
@blobs_option
@click.option("--as", "session_id", metavar="ID", help="By default the id that it had.")
def import_(file: Path, sessions: str, blobs: str | None, session_id: str | None) -> None:
    """Make the session that is in an exported file, after checking all of it.

    The file may come from anybody. Nothing is left behind when it is refused.
    """
    from longtake.sessions.importing import import_session

    store = open_sessions(sessions, makes=True)
    record = import_session(store, file, session_id=session_id, blobs=open_blobs(blobs, sessions))
    click.echo(f"{record.id}: {record.num_segments} segments", err=True)
