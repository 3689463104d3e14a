"""The service of takes on its stores and pipelines, and the application that answers for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

import longtake as lt
from longtake_serve.http.access import Access
from longtake_serve.http.archives import ArchiveRoutes
from longtake_serve.http.documents import request_schema
from longtake_serve.http.errors import http_error, internal_error, longtake_error
from longtake_serve.http.events import EventRoutes
from longtake_serve.http.glances import GlanceRoutes
from longtake_serve.http.headers import KnownHosts, SecurityHeaders
from longtake_serve.http.health import Counted, HealthRoutes
from longtake_serve.http.openapi import OpenApiRoute
from longtake_serve.http.operations import Operation, routes_of
from longtake_serve.http.page import page_routes
from longtake_serve.http.streams import StreamRoutes
from longtake_serve.http.takes import TakeRoutes
from longtake_serve.http.work import WorkRoutes
from longtake_serve.media.sink import StreamMedia
from longtake_serve.openai.asking import Studio
from longtake_serve.openai.routes import VideoRoutes
from longtake_serve.probe import WorkerProbe
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.service import TakeService

__all__ = ["Opened", "build_app", "serving", "serving_by"]


@frozen(kw_only=True)
class Opened:
    """A service that is open, and what it stands on.

    ``is_ready``: whether a worker has rolled anything. ``checks``: says what a request leaves out,
    and rolls nothing; its family and preset are those of new takes.
    """

    service: TakeService
    sessions: lt.SessionStore
    blobs: lt.BlobStore
    checks: lt.Pipeline
    limits: ServeLimits
    is_ready: Callable[[], bool]


@contextmanager
def serving(
    pipelines: Sequence[lt.Pipeline],
    *,
    sessions: lt.SessionStore,
    blobs: lt.BlobStore,
    limits: ServeLimits | None = None,
    audio_codec: Literal["aac", "flac"] = "flac",
) -> Iterator[Opened]:
    """The service whose segments the pipelines roll, which stay the caller's. As `serving_by`."""
    media = StreamMedia(sessions, audio_codec=audio_codec)
    dispatcher = lt.InProcessDispatcher(pipelines, sessions=sessions, blobs=blobs, media=media)
    with serving_by(
        dispatcher, checks=pipelines[0], sessions=sessions, blobs=blobs, limits=limits
    ) as opened:
        yield opened


@contextmanager
def serving_by(
    dispatcher: lt.Dispatcher,
    *,
    checks: lt.Pipeline,
    sessions: lt.SessionStore,
    blobs: lt.BlobStore,
    limits: ServeLimits | None = None,
) -> Iterator[Opened]:
    """The service whose segments the dispatcher has rolled; what was left open before goes on.

    ``dispatcher``: over the same stores, and with a `StreamMedia`. ``checks``: checks requests, and
    may have no weights; its family and preset are those of new takes. In the end what is being
    rolled is stopped, and stays open in the stores; the dispatcher is closed.
    """
    family, preset = checks.family.name, checks.preset
    made_for = f"{preset.name}@{preset.version}"
    limits = limits or ServeLimits()
    with ExitStack() as stack:
        stack.callback(dispatcher.close)
        probe = WorkerProbe(dispatcher, sessions, family, made_for)
        service = TakeService(
            sessions,
            blobs,
            dispatcher,
            family=family,
            preset=made_for,
            limits=limits,
            check=checks.check,
        )
        probe.start()
        stack.callback(probe.close)
        stack.callback(service.close)
        service.resume()
        yield Opened(
            service=service,
            sessions=sessions,
            blobs=blobs,
            checks=checks,
            limits=limits,
            is_ready=probe.is_ready,
        )


def build_app(
    opened: Opened,
    *,
    authenticator: lt.Authenticator | None = None,
    hosts: Collection[str] = (),
    folder: Path | None = None,
) -> ASGIApp:
    """The ASGI application of a service.

    ``authenticator``: knows whose a bearer token is; without one every caller is the same tenant.
    ``hosts``: names by which it may be asked, without ports; any when there are none.
    ``folder``: where files lie that are exported or imported, the system's own when None.
    """
    service = opened.service
    health = HealthRoutes(service, opened.is_ready)
    streams = StreamRoutes(service, opened.sessions, opened.blobs)
    schema = request_schema(opened.checks.family, opened.checks.preset)
    studio = Studio(opened.checks, opened.limits)
    operations = [
        *ArchiveRoutes(service, opened.limits, folder).operations(),
        *TakeRoutes(service, opened.limits).operations(),
        *WorkRoutes(service, opened.limits, schema).operations(),
        *EventRoutes(service).operations(),
        *streams.operations(),
        *GlanceRoutes(service, opened.blobs).operations(),
        *VideoRoutes(service, opened.limits, studio, streams, schema).operations(),
        *health.operations(),
    ]
    document = OpenApiRoute(operations, needs_token=authenticator is not None)
    operations += document.operations()
    app: ASGIApp = _application(operations, Access(authenticator))
    app = Counted(KnownHosts(app, hosts) if hosts else app, health.registry)
    return SecurityHeaders(app)


def _application(operations: Sequence[Operation], access: Access) -> Starlette:
    return Starlette(
        routes=[*page_routes(), *routes_of(operations, access)],
        exception_handlers={
            lt.LongtakeError: longtake_error,
            HTTPException: http_error,
            Exception: internal_error,
        },
    )
