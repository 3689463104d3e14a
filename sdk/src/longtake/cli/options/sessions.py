"""The session stores that commands open, and what is said of sessions."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import click

from longtake.blobs.powers import SupportsClose
from longtake.blobs.protocol import BlobStore
from longtake.cli.options.completion import blob_urls, session_urls
from longtake.cli.options.stores import open_store
from longtake.errors import OutputError, SessionError, ValidationError
from longtake.plugins.stores import open_session_store
from longtake.schema.texts import check_texts
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.sqlite import file_of

__all__ = [
    "blobs_option",
    "labels_option",
    "open_blobs",
    "open_sessions",
    "seconds_of",
    "sessions_option",
]

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger(__name__)

_SQLITE = "sqlite:"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smhdw])", re.ASCII)


def sessions_option(command: F) -> F:
    """``--sessions URL``, the parameter ``sessions``."""
    return click.option(
        "--sessions",
        required=True,
        metavar="URL",
        help="Where the sessions are, e.g. sqlite:takes.db.",
        shell_complete=session_urls,
    )(command)


def blobs_option(command: F) -> F:
    """``--blobs URL``, the parameter ``blobs``."""
    return click.option(
        "--blobs",
        metavar="URL",
        help="Where their blobs are; by default, of sqlite:takes.db, the folder takes.db.blobs.",
        shell_complete=blob_urls,
    )(command)


def labels_option(text: str) -> Callable[[F], F]:
    """``--label NAME=VALUE``, the parameter ``labels``: a dictionary. ``text``: its help."""
    return click.option(
        "--label", "labels", multiple=True, metavar="NAME=VALUE", callback=_labels, help=text
    )


def open_sessions(url: str, *, makes: bool = False) -> SessionStore:
    """The store at ``url``, which is closed when the command ends, also by an error.

    ``makes``: whether a file may be made for it. Raises like `open_session_store`.
    """
    check_texts(url, "sessions")
    if url.lower().startswith("memory:"):
        raise click.UsageError(
            f"--sessions {url} ends with this command; name a store that lasts, e.g. "
            "sqlite:takes.db"
        )
    if url.lower().startswith(_SQLITE) and not makes:
        file = file_of(url)
        if not os.path.exists(file):
            raise ValidationError(file, "there is no such file; 'longtake sessions roll' makes one")
    store = open_session_store(url)
    if isinstance(store, SupportsClose):
        click.get_current_context().call_on_close(lambda: _close(store))
    return store


def open_blobs(url: str | None, sessions: str) -> BlobStore:
    """The blob store at ``url``, or, when None, the one that belongs to ``sessions``.

    It is closed when the command ends. Raises `click.UsageError` where none belongs to it, and like
    `open_blob_store`.
    """
    if url is not None:
        return open_store(url)
    if not sessions.lower().startswith(_SQLITE):
        scheme = sessions.partition(":")[0]
        raise click.UsageError(
            f"say where the blobs of {scheme}: sessions are, with --blobs URL, e.g. file:///folder."
        )
    folder = f"{file_of(sessions)}.blobs"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise OutputError(folder, f"cannot be made: {error.strerror or error}") from error
    return open_store(f"file://{quote(os.fsencode(folder))}")


def seconds_of(text: str) -> float:
    """``30d``, ``12h``, ``90m``, ``45s`` or ``2w`` in seconds. Raises `click.BadParameter`."""
    matched = _DURATION.fullmatch(text.strip())
    if matched is None or not (found := float(matched[1]) * _SECONDS[matched[2]]):
        raise click.BadParameter(f"{text[:200]!r} is no length of time such as 30d, 12h or 90m")
    return found


def _labels(
    context: click.Context, parameter: click.Parameter, said: tuple[str, ...]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in said:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"{text[:200]!r} is not of the form NAME=VALUE")
        if name in found:
            raise click.BadParameter(f"the label {name[:200]!r} is given twice")
        found[name] = value
    return found


def _close(store: SupportsClose) -> None:
    """What was committed is safe already, so an error costs nothing."""
    try:
        store.close()
    except SessionError as error:
        logger.warning("a session store could not be closed: %s", error)
