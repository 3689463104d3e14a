"""The registry: names from all loaded plugins, with clashes refused by name."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import define, evolve, field, frozen

from longtake.blobs.protocol import BlobBackend, BlobStore
from longtake.errors import CheckpointError, NameClashError, UnknownNameError, ValidationError
from longtake.families import ModelFamily, Recognition
from longtake.plugins import Plugin, discover
from longtake.references import resolve
from longtake.settings import Settings

__all__ = ["Provided", "Registry", "open_blob_store"]

logger = logging.getLogger(__name__)
T = TypeVar("T")


@frozen
class Provided(Generic[T]):
    """Something that a plugin provides, and the plugin."""

    value: T
    plugin: Plugin


@define
class _Names(Generic[T]):
    """Providers by name; a name with two of them is refused."""

    what: str
    providers: dict[str, list[Provided[T]]] = field(factory=dict)

    def add(self, name: str, value: T, plugin: Plugin) -> None:
        self.providers.setdefault(name, []).append(Provided(value, plugin))

    def undisputed(self) -> list[Provided[T]]:
        return [found[0] for _, found in sorted(self.providers.items()) if len(found) == 1]

    def clashes(self) -> list[tuple[str, list[Provided[T]]]]:
        return [(name, found) for name, found in self.providers.items() if len(found) > 1]

    def one(self, name: str) -> Provided[T]:
        found = self.providers.get(name, [])
        if not found:
            known = ", ".join(sorted(self.providers)) or "none"
            raise UnknownNameError(f"no plugin provides the {self.what} {name!r}; known: {known}")
        if len(found) > 1:
            raise NameClashError(_clash_text(self.what, name, [p.plugin for p in found]))
        return found[0]


def _clash_text(what: str, name: str, plugins: Iterable[Plugin]) -> str:
    sides = " and ".join(plugin.provider for plugin in plugins)
    return (
        f"the {what} {name!r} is provided by {sides}; block one of them by naming its "
        f"distribution in LONGTAKE_BLOCK"
    )


class Registry:
    """What the installed plugins provide.

    ``plugins``: every entry point found, loaded, failed or blocked, with the reason. A name that
    two plugins provide is refused until one side is blocked; both keep everything else.
    """

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        found = tuple(plugins)
        self._families: _Names[ModelFamily] = _Names("family")
        self._backends: _Names[BlobBackend] = _Names("blob store scheme")
        for plugin in found:
            for family in plugin.families:
                self._families.add(family.name, family, plugin)
            for backend in plugin.blob_backends:
                self._backends.add(backend.scheme, backend, plugin)
        self.plugins: tuple[Plugin, ...] = tuple(self._with_clashes(plugin) for plugin in found)

    @classmethod
    def discover(cls, settings: Settings | None = None) -> Registry:
        """Load every installed plugin, except those that ``settings`` keep out."""
        return cls(discover(settings or Settings.from_environment()))

    @classmethod
    def default(cls) -> Registry:
        """The registry of this process, discovered once."""
        return _default_registry()

    def _with_clashes(self, plugin: Plugin) -> Plugin:
        texts = [
            _clash_text(names.what, name, [p.plugin for p in found])
            for names in (self._families, self._backends)
            for name, found in names.clashes()
            if any(p.plugin is plugin for p in found)
        ]
        return evolve(plugin, error="; ".join(texts)) if texts else plugin

    @property
    def families(self) -> list[Provided[ModelFamily]]:
        """The families whose names are not in dispute, by name."""
        return self._families.undisputed()

    @property
    def blob_backends(self) -> list[Provided[BlobBackend]]:
        """The blob backends whose schemes are not in dispute, by scheme."""
        return self._backends.undisputed()

    @property
    def observers(self) -> list[Callable[..., None]]:
        """The observers of all loaded plugins."""
        return [observer for plugin in self.plugins for observer in plugin.observers]

    def family(self, name: str) -> ModelFamily:
        """The family called ``name``. Raises `UnknownNameError`, or `NameClashError` naming both."""
        return self._families.one(name).value

    def blob_backend(self, scheme: str) -> BlobBackend:
        """The backend of a URL scheme. Raises like `family`."""
        return self._backends.one(scheme).value

    def recognise(self, path: Path) -> tuple[ModelFamily, Recognition]:
        """The one family that knows the checkpoint at ``path``.

        Raises `CheckpointError` when none or more than one does.
        """
        if not path.exists():
            raise CheckpointError(str(path), "there is no such file or folder")
        found = [
            (provided, recognition)
            for provided in self.families
            if (recognition := _recognise(provided, path)) is not None
        ]
        if len(found) == 1:
            return found[0][0].value, found[0][1]
        if found:
            names = " and ".join(
                f"{p.value.name!r} of {p.plugin.provider}" for p, _ in found
            )
            raise CheckpointError(str(path), f"is claimed by {names}; name one with family=")
        asked = ", ".join(p.value.name for p in self.families if p.value.recognise) or "none"
        raise CheckpointError(str(path), f"no family recognises it as a checkpoint; asked: {asked}")


def _recognise(provided: Provided[ModelFamily], path: Path) -> Recognition | None:
    function: Any = resolve(provided.value.recognise)
    if function is None:
        return None
    try:
        recognition: Recognition | None = function(path)
    except CheckpointError:
        raise
    except Exception:  # isolation: one family's reader must not hide another's checkpoint
        logger.warning("%s could not look at %s", provided.plugin.provider, path, exc_info=True)
        return None
    return recognition


@functools.cache
def _default_registry() -> Registry:
    return Registry.discover()


def open_blob_store(url: str, *, registry: Registry | None = None) -> BlobStore:
    """Open a blob store by URL: ``memory:``, ``file:///folder``, or any scheme a plugin provides.

    Raises `ValidationError` for something that is not a URL, `UnknownNameError` for a scheme that
    nobody provides, `BlobStoreUnavailable` when the store cannot be reached.
    """
    scheme, separator, _ = url.partition(":")
    if not separator or not scheme:
        raise ValidationError("blobs", f"{url!r} is not a URL such as 'file:///folder'")
    backend = (registry or Registry.default()).blob_backend(scheme.lower())
    opener: Any = resolve(backend.open)
    store: BlobStore = opener(url)
    return store
