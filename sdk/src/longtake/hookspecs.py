"""What a plugin can do. Hooks take no arguments and return lists; the host does the registering."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from longtake.blobs.protocol import BlobBackend
    from longtake.commands import Command
    from longtake.dispatchers import DispatcherBackend
    from longtake.families.extensions import Extension
    from longtake.families.family import ModelFamily
    from longtake.requests.authenticators import AuthenticatorBackend
    from longtake.runs.declared import Observer
    from longtake.runs.events import RunEvent
    from longtake.session_stores.backend import SessionBackend

hookspec = pluggy.HookspecMarker("longtake")
hookimpl = pluggy.HookimplMarker("longtake")


@hookspec
def longtake_families() -> list[ModelFamily]:  # type: ignore[empty-body]
    """Model families, declared without importing anything heavy."""


@hookspec
def longtake_extensions() -> list[Extension]:  # type: ignore[empty-body]
    """What is added to families of other plugins: presets, codecs, options, components."""


@hookspec
def longtake_commands() -> list[Command]:  # type: ignore[empty-body]
    """Commands of longtake, by name, imported when they are run."""


@hookspec
def longtake_blob_stores() -> list[BlobBackend]:  # type: ignore[empty-body]
    """Kinds of blob stores, each under a URL scheme of its own."""


@hookspec
def longtake_session_stores() -> list[SessionBackend]:  # type: ignore[empty-body]
    """Kinds of session stores, each under a URL scheme of its own."""


@hookspec
def longtake_dispatchers() -> list[DispatcherBackend]:  # type: ignore[empty-body]
    """Kinds of dispatchers, each under a URL scheme of its own."""


@hookspec
def longtake_authenticators() -> list[AuthenticatorBackend]:  # type: ignore[empty-body]
    """Kinds of what knows whose a token is, each under a URL scheme of its own."""


@hookspec
def longtake_observers() -> list[Observer | Callable[[RunEvent], None]]:  # type: ignore[empty-body]
    """Observers, or bare callables, told the events of every run; none can hurt the run."""
