"""Opening a store, or an authenticator, by its URL, with the plugin whose scheme it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError
from longtake.plugins.registry import Registry
from longtake.schema.references import resolve

if TYPE_CHECKING:
    from longtake.requests.authenticators import Authenticator
    from longtake.session_stores.protocol import SessionStore

__all__ = ["open_authenticator", "open_blob_store", "open_session_store", "watch_blob_stores"]

_watchers: dict[int, list[BlobStore]] = {}


@contextmanager
def watch_blob_stores() -> Iterator[list[BlobStore]]:
    """A list of the stores that `open_blob_store` opens until the block is left, for tests."""
    opened: list[BlobStore] = []
    _watchers[id(opened)] = opened
    try:
        yield opened
    finally:
        del _watchers[id(opened)]


def open_blob_store(url: str, *, registry: Registry | None = None) -> BlobStore:
    """Open a blob store by URL: ``memory:``, ``file:///folder``, or any scheme a plugin provides.

    Raises `ValidationError` for something that is not a URL, `UnknownNameError` for a scheme that
    nobody provides, `BlobStoreUnavailable` when the store cannot be reached.
    """
    scheme = _scheme_of(url, "blobs", "file:///folder")
    backend = (registry or Registry.default()).blob_backend(scheme)
    opener: Any = resolve(backend.open)
    store: BlobStore = opener(url)
    for opened in tuple(_watchers.values()):
        opened.append(store)
    return store


def open_session_store(url: str, *, registry: Registry | None = None) -> SessionStore:
    """Open a session store by URL: ``sqlite:///file``, or any scheme a plugin provides.

    Raises `ValidationError` for something that is not a URL, `UnknownNameError` for a scheme that
    nobody provides, `SessionStoreUnavailable` when the store cannot be reached.
    """
    scheme = _scheme_of(url, "sessions", "sqlite:///folder/takes.db")
    opener: Any = resolve((registry or Registry.default()).session_backend(scheme).open)
    store: SessionStore = opener(url)
    return store


def open_authenticator(url: str, *, registry: Registry | None = None) -> Authenticator:
    """Open what knows whose a token is by its URL, in any scheme that a plugin provides.

    ``file:///path`` is of longtake-serve: lines of a tenant, ``:``, and the SHA-256 of a token.

    Raises `ValidationError` for something that is not a URL, `UnknownNameError` for a scheme that
    nobody provides, and what the plugin raises.
    """
    scheme = _scheme_of(url, "tokens", "file:///folder/tokens")
    opener: Any = resolve((registry or Registry.default()).authenticator(scheme).open)
    authenticator: Authenticator = opener(url)
    return authenticator


def _scheme_of(url: str, what: str, example: str) -> str:
    from longtake.schema.texts import check_texts

    check_texts(url, what)
    scheme, separator, _ = url.partition(":")
    if not separator or not scheme:
        from longtake.blobs.urls import masked_url  # late: listings do without

        raise ValidationError(what, f"{masked_url(url)!r} is not a URL such as {example!r}")
    return scheme.lower()
