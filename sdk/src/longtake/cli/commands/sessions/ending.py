"""``longtake sessions expire``, ``delete`` and ``sweep``: sessions that are over."""

from __future__ import annotations

import click

from longtake.cli.options.sessions import (
    blobs_option,
    open_blobs,
    open_sessions,
    seconds_of,
    sessions_option,
)
from longtake.cli.terminal.moments import moment
from longtake.session_stores.protocol import SupportsExpiry

__all__ = ["delete", "expire", "sweep"]

_NEVER = "never"


@click.command()
@click.argument("session_id", metavar="ID")
@click.argument("when", metavar="TIME|never")
@sessions_option
def expire(session_id: str, when: str, sessions: str) -> None:
    """Let the session ID end in TIME, such as 30d, 12h or 90m, by the store's clock; or never."""
    seconds = None if when == _NEVER else seconds_of(when)
    store = open_sessions(sessions)
    if not isinstance(store, SupportsExpiry):
        raise click.UsageError("this store's sessions do not expire; delete them instead.")
    record = store.expire(session_id, seconds)
    ends = "is kept" if record.expires is None else f"expires {moment(record.expires)}"
    click.echo(f"{session_id}: {ends}", err=True)


@click.command()
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
@sessions_option
def delete(session_ids: tuple[str, ...], sessions: str) -> None:
    """Forget the sessions; forks of them stay, and what is gone already is passed over.

    Blobs that nobody needs any more go with the next sweep.
    """
    store = open_sessions(sessions)
    for session_id in session_ids:
        store.delete(session_id)


@click.command()
@sessions_option
@blobs_option
@click.option(
    "--unused",
    metavar="TIME|never",
    default="1d",
    show_default=True,
    help="Drop blobs that are older and that no session needs, where the store lists and has no "
    "leases (s3:, gs:, az:); more than 12h. With 'never', folders that others use, too, are safe.",
)
def sweep(sessions: str, blobs: str | None, unused: str) -> None:
    """Drop sessions whose time is over, and blobs that no session needs; beside running writers.

    A blob goes when its lease is over, too, which is some minutes. Where blobs expire (redis:),
    those that sessions need are renewed. Run it e.g. every hour.
    """
    from longtake.sessions.sweeping import sweep_sessions

    unused_seconds = None if unused == _NEVER else seconds_of(unused)
    store = open_sessions(sessions)
    swept = sweep_sessions(store, open_blobs(blobs, sessions), unused_seconds=unused_seconds)
    click.echo(
        f"dropped {swept.sessions} sessions, {swept.holds} holds and {swept.blobs} blobs", err=True
    )
    if swept.missing:
        click.echo(f"{len(swept.missing)} blobs that sessions need are gone", err=True)
