"""Running a server until it is told to end: its stores, pipelines, socket and signals."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from types import FrameType

import uvicorn

import longtake as lt
from longtake_serve.app import build_app, serving_by
from longtake_serve.http.connections import BoundedConnection
from longtake_serve.media.sink import StreamMedia
from longtake_serve.settings import Settings

__all__ = ["run"]

_GRACE = 5
"""Seconds that answers which are being sent have when the server is told to end."""


def run(settings: Settings, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. ``say``: is told the address once requests are answered.

    Raises `longtake.ValidationError` for a port that cannot be had, and what stores and loading
    raise. What is being rolled at the end goes on when a server comes back.
    """
    tokens = settings.tokens
    authenticator = None if tokens is None else lt.open_authenticator(tokens)
    listening = _socket(settings)
    with ExitStack() as stack:
        stack.enter_context(listening)
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        transfers = settings.folder / "transfers"
        shutil.rmtree(transfers, ignore_errors=True)  # of a server that was killed
        transfers.mkdir(mode=0o700)
        sessions = lt.open_session_store(settings.sessions)
        blobs = lt.open_blob_store(settings.blobs)
        checks = stack.enter_context(settings.spec.unloaded())
        dispatcher = lt.open_dispatcher(
            settings.dispatcher,
            settings.spec,
            sessions=sessions,
            blobs=blobs,
            media=StreamMedia(sessions, audio_codec=settings.audio_codec),
        )
        opened = stack.enter_context(
            serving_by(
                dispatcher, checks=checks, sessions=sessions, blobs=blobs, limits=settings.limits
            )
        )
        app = build_app(opened, authenticator=authenticator, hosts=settings.hosts, folder=transfers)
        config = uvicorn.Config(
            app,
            http=partial(BoundedConnection, most=settings.limits.connections),  # type: ignore[arg-type]
            access_log=False,
            log_level="error",  # its warnings are of what clients do
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
        )
        say(_address(settings.host, listening))
        # uvicorn raises the signal again when it has ended: there is more to end than it
        signal.signal(signal.SIGTERM, _ignore)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def _socket(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        problem = f"{settings.port} of {settings.host} cannot be had: {error.strerror or error}"
        raise lt.ValidationError("port", f"{problem}; choose another") from None


def _address(host: str, listening: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}/"


def _ignore(number: int, frame: FrameType | None) -> None:
    pass
