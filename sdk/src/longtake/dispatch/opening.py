"""Opening a dispatcher, or what can be seen of it elsewhere, with the plugin of its scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longtake.blobs.urls import masked_url
from longtake.dispatch.protocol import Dispatcher, DispatcherPool
from longtake.errors import ValidationError
from longtake.plugins.registry import Registry
from longtake.plugins.stores import open_blob_store, open_session_store
from longtake.schema.references import resolve
from longtake.schema.texts import check_texts

if TYPE_CHECKING:
    from longtake.blobs.protocol import BlobStore
    from longtake.dispatch.pipeline_spec import PipelineSpec
    from longtake.dispatchers import DispatcherBackend
    from longtake.session_stores.protocol import SessionStore
    from longtake.sessions.media import MediaSink

__all__ = ["open_dispatcher", "open_dispatcher_pool"]


def open_dispatcher(
    url: str,
    spec: PipelineSpec,
    *,
    sessions: SessionStore | str,
    blobs: BlobStore | str | None = None,
    media: MediaSink | None = None,
    registry: Registry | None = None,
) -> Dispatcher:
    """Open a dispatcher by URL: ``inprocess:``, or any scheme a plugin provides.

    ``spec``: what each worker loads. ``sessions``, ``blobs``: stores, or their URLs. ``media``: as
    of `longtake.roll`. Where workers are other processes the spec travels to them as a plain
    document, and stores and sink as their pickles: what a store pickles is how it is opened, as a
    rule its URL.

    ``inprocess:`` has one worker, ``inprocess:3`` three, and ``inprocess:cuda:0,cuda:1`` one on
    each of these devices.

    Raises `ValidationError` for something that is not a URL, and where stores or sink cannot travel
    as they must, `UnknownNameError` for a scheme that nobody provides, and what opening raises.
    """
    registry = registry or Registry.default()
    opener: Any = resolve(_backend(url, registry).open)
    dispatcher: Dispatcher = opener(
        url,
        spec,
        sessions=_opened(sessions, open_session_store, registry),
        blobs=_opened(blobs, open_blob_store, registry),
        media=media,
    )
    return dispatcher


def open_dispatcher_pool(url: str, *, registry: Registry | None = None) -> DispatcherPool:
    """What can be seen, from this process, of the workers behind a dispatcher's URL.

    Raises as `open_dispatcher`, and `ValidationError` for a dispatcher whose workers are seen by
    its own process alone.
    """
    backend = _backend(url, registry or Registry.default())
    if backend.pool is None:
        problem = f"workers of {backend.scheme}: are in one process, which alone knows of them"
        raise ValidationError("dispatcher", problem)
    opener: Any = resolve(backend.pool)
    pool: DispatcherPool = opener(url)
    return pool


def _backend(url: str, registry: Registry) -> DispatcherBackend:
    check_texts(url, "dispatcher")
    scheme, separator, _ = url.partition(":")
    if not separator or not scheme:
        problem = f"{masked_url(url)!r} is not a URL such as 'inprocess:'"
        raise ValidationError("dispatcher", problem)
    return registry.dispatcher_backend(scheme.lower())


def _opened(store: Any, opener: Any, registry: Registry) -> Any:
    return opener(store, registry=registry) if isinstance(store, str) else store
