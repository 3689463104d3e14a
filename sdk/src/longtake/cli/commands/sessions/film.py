"""``longtake sessions film``: a session's take as a file to be played."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from longtake.cli.commands.join import tell_joined
from longtake.cli.commands.sessions.parts import Parts
from longtake.cli.options.sessions import (
    blobs_option,
    open_blobs,
    open_sessions,
    sessions_option,
)
from longtake.errors import OutputError, ValidationError

__all__ = ["film"]


@click.command()
@click.argument("session_id", metavar="ID")
@click.argument("output", metavar="OUT.mp4", type=click.Path(path_type=Path))
@sessions_option
@blobs_option
@click.option("--overwrite", is_flag=True, help="Replace the file that is there.")
def film(session_id: str, output: Path, sessions: str, blobs: str | None, overwrite: bool) -> None:
    """Write the take of the session ID to a .mp4, .mkv, .m4a, .wav, .gif or .webp.

    It is the take as far as it goes: a session may always go on, so sound that the last segment
    holds back for the next one is not in it.
    """
    from longtake.takes.joining import join_takes

    if os.path.lexists(output) and not overwrite:
        raise OutputError(str(output), "is there already; name another file, or say --overwrite")
    segments = open_sessions(sessions).history(session_id)
    if not segments:
        raise ValidationError(f"session {session_id}", "has no segment yet; roll one")
    with TemporaryDirectory(prefix="longtake-") as folder:
        parts = Parts(open_blobs(blobs, sessions), Path(folder)).of(session_id, segments)
        try:
            record = join_takes(parts, output, overwrite=overwrite)
        except ValidationError as error:
            inside = f"{folder}{os.sep}"
            path, problem = (text.replace(inside, "") for text in (error.path, error.problem))
            raise ValidationError(f"session {session_id}, {path}", problem) from error
    tell_joined(output, record)
