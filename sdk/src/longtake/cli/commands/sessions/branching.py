"""``longtake sessions fork`` and ``rewind``: two futures from one past, or another one."""

from __future__ import annotations

import click

from longtake.cli.options.sessions import (
    blobs_option,
    labels_option,
    open_blobs,
    open_sessions,
    sessions_option,
)

__all__ = ["fork", "rewind"]


@click.command()
@click.argument("session_id", metavar="ID")
@click.argument("new_id", metavar="NEW")
@click.option(
    "--at",
    "num_segments",
    type=click.IntRange(min=0),
    metavar="N",
    help="With the first N segments; by default all.",
)
@sessions_option
@blobs_option
@labels_option("Of the new session; by default those of the other one. Repeatable.")
def fork(
    session_id: str,
    new_id: str,
    num_segments: int | None,
    sessions: str,
    blobs: str | None,
    labels: dict[str, str],
) -> None:
    """Begin the session NEW with segments of the session ID; they share what these consist of."""
    from longtake.sessions.branching import fork_session

    store = open_sessions(sessions)
    count = store.read(session_id).num_segments if num_segments is None else num_segments
    record = fork_session(
        store,
        session_id,
        count,
        new_id,
        blobs=open_blobs(blobs, sessions),
        labels=labels or None,
    )
    click.echo(f"{new_id}: {record.num_segments} segments of {session_id}", err=True)


@click.command()
@click.argument("session_id", metavar="ID")
@click.option(
    "--to",
    "num_segments",
    type=click.IntRange(min=0),
    required=True,
    metavar="N",
    help="Keep the first N segments.",
)
@sessions_option
@blobs_option
def rewind(session_id: str, num_segments: int, sessions: str, blobs: str | None) -> None:
    """Let the segments of the session ID go that are behind the first N; forks keep theirs."""
    from longtake.sessions.branching import rewind_session

    record = rewind_session(
        open_sessions(sessions), session_id, num_segments, blobs=open_blobs(blobs, sessions)
    )
    click.echo(f"{session_id}: {record.num_segments} segments are left", err=True)
