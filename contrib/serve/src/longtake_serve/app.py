"""The service of takes on its stores and pipelines, and the application that answers for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

import longtake as lt
from longtake_serve.http.access import Authenticator, Everybody
from longtake_serve.http.documents import request_schema
from longtake_serve.http.errors import http_error, internal_error, longtake_error
from longtake_serve.http.events import EventRoutes
from longtake_serve.http.headers import KnownHosts, SecurityHeaders
from longtake_serve.http.operations import Operation, route_of
from longtake_serve.http.takes import TakeRoutes
from longtake_serve.media.sink import StreamMedia
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.service import TakeService

__all__ = ["build_app", "serving"]


@contextmanager
def serving(
    pipelines: Sequence[lt.Pipeline],
    *,
    sessions: lt.SessionStore,
    blobs: lt.BlobStore,
    limits: ServeLimits | None = None,
    audio_codec: Literal["aac", "flac"] = "aac",
) -> Iterator[TakeService]:
    """The service whose segments the pipelines roll; what was left open before goes on.

    In the end what is being rolled is stopped, and stays open in the stores.
    """
    family, preset = pipelines[0].family.name, pipelines[0].preset
    media = StreamMedia(sessions, audio_codec=audio_codec)
    dispatcher = lt.InProcessDispatcher(pipelines, sessions=sessions, blobs=blobs, media=media)
    try:
        service = TakeService(
            sessions,
            blobs,
            dispatcher,
            family=family,
            preset=f"{preset.name}@{preset.version}",
            limits=limits,
            check=pipelines[0].check,
        )
    except BaseException:
        dispatcher.close()
        raise
    try:
        service.resume()
        yield service
    finally:
        service.close()


def build_app(
    service: TakeService,
    *,
    preset: lt.Preset,
    limits: ServeLimits | None = None,
    authenticator: Authenticator | None = None,
    hosts: Collection[str] = (),
) -> ASGIApp:
    """The ASGI application of a service, which stays the caller's.

    ``preset``: of new takes, whose request schema is served. ``limits``: as the service's.
    ``authenticator``: knows whose a bearer token is; without one every caller is the same tenant.
    ``hosts``: names by which it may be asked, without ports; any when there are none.
    """
    limits = limits or ServeLimits()
    operations = [
        *TakeRoutes(service, limits, request_schema(preset)).operations(),
        *EventRoutes(service).operations(),
    ]
    app: ASGIApp = _application(operations, authenticator or Everybody())
    return SecurityHeaders(KnownHosts(app, hosts) if hosts else app)


def _application(operations: Sequence[Operation], authenticator: Authenticator) -> Starlette:
    return Starlette(
        routes=[route_of(operation, authenticator) for operation in operations],
        exception_handlers={
            lt.LongtakeError: longtake_error,
            HTTPException: http_error,
            Exception: internal_error,
        },
    )
