"""The registry: names from all loaded plugins, with clashes refused by name."""

from __future__ import annotations

import _thread
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from longtake.blobs.protocol import BlobBackend
from longtake.errors import (
    CheckpointError,
    NameClashError,
    PluginError,
    UnknownNameError,
    shown,
    text_of,
)
from longtake.families.family import ModelFamily
from longtake.plugins.loading import Plugin, check_not_loading, discover, load_module
from longtake.schema.frozen import Frozen
from longtake.schema.references import resolve
from longtake.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.commands import Command
    from longtake.dispatchers import DispatcherBackend
    from longtake.families.models import Recognition
    from longtake.requests.authenticators import AuthenticatorBackend
    from longtake.runs.declared import Observer
    from longtake.session_stores.backend import SessionBackend

__all__ = ["Names", "Provided", "Registry"]


T = TypeVar("T")


class Provided(Frozen, Generic[T]):
    """Something that a plugin provides, and the plugin."""

    __slots__ = ("value", "plugin")

    def __init__(self, value: T, plugin: Plugin) -> None:
        self.value: Final = value
        self.plugin: Final = plugin


class Names(Generic[T]):
    """Providers by name; a name with two of them is refused.

    ``absent``: what an error about an unknown name ends with.
    """

    def __init__(self, what: str, absent: str = "") -> None:
        self.what = what
        self.absent = absent
        self.providers: dict[str, list[Provided[T]]] = {}

    def add(self, name: str, value: T, plugin: Plugin) -> None:
        self.providers.setdefault(name, []).append(Provided(value, plugin))

    def undisputed(self) -> list[Provided[T]]:
        return [found[0] for _, found in sorted(self.providers.items()) if len(found) == 1]

    def disputes(self, plugin: Plugin) -> list[str]:
        """What to say about each name that ``plugin`` and another one provide."""
        return [
            _clash_text(self.what, name, [p.plugin for p in found])
            for name, found in self.providers.items()
            if len(found) > 1 and any(p.plugin is plugin for p in found)
        ]

    def one(self, name: str) -> Provided[T]:
        found = self.providers.get(name, [])
        if not found:
            from longtake.schema.suggestions import did_you_mean  # late: seldom needed

            known = ", ".join(sorted(self.providers)) or "none"
            meant = shown(name) + did_you_mean(name, self.providers)
            raise UnknownNameError(
                f"no plugin provides the {self.what} {meant}; known: {known}{self.absent}"
            )
        if len(found) > 1:
            raise NameClashError(_clash_text(self.what, name, [p.plugin for p in found]))
        return found[0]


def _clash_text(what: str, name: str, plugins: Sequence[Plugin]) -> str:
    """What to say of a name that several plugins provide, and how one is kept out."""
    sides = " and ".join(dict.fromkeys(plugin.provider for plugin in plugins))
    distributions = [plugin.distribution for plugin in plugins]
    if len(set(distributions)) < len(plugins):  # the distribution alone would block both sides
        distributions = [f"{plugin.distribution}:{plugin.name}" for plugin in plugins]
    blocks = " or ".join(dict.fromkeys(f"LONGTAKE_BLOCK={each}" for each in distributions))
    return f"the {what} {name!r} is provided by {sides}; block one side with {blocks}"


def _not_loaded(plugins: Iterable[Plugin]) -> str:
    """Who might provide what is missing, to end an error with."""
    left = [f"{p.distribution}:{p.name} ({p.status})" for p in plugins if p.status != "loaded"]
    return f"; not loaded: {', '.join(left)}, see 'longtake plugins'" if left else ""


class Registry:
    """What the installed plugins provide.

    ``plugins``: every entry point found, loaded, failed or blocked, with the reason. A name that
    two plugins provide is refused until one side is blocked; both keep everything else.
    """

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        found = tuple(plugins)
        absent = _not_loaded(found)
        self._families: Names[ModelFamily] = Names("family", absent)
        self._backends: Names[BlobBackend] = Names("blob store scheme", absent)
        self._session_backends: Names[SessionBackend] = Names("session store scheme", absent)
        self._dispatchers: Names[DispatcherBackend] = Names("dispatcher scheme", absent)
        self._authenticators: Names[AuthenticatorBackend] = Names("authenticator scheme", absent)
        self._commands: Names[Command] = Names("command", absent)
        self._kinds: Names[ModelFamily] = Names("continuation kind", absent)
        self._observers: Names[Observer] = Names("observer", absent)
        for plugin in found:
            for observer in plugin.observers:
                if not callable(observer):
                    self._observers.add(observer.name, observer, plugin)
            for family in plugin.families:
                self._families.add(family.name, family, plugin)
                for codec in family.codecs:
                    self._kinds.add(codec.kind, family, plugin)
            for backend in plugin.blob_backends:
                self._backends.add(backend.scheme.lower(), backend, plugin)
            for sessions in plugin.session_backends:
                self._session_backends.add(sessions.scheme.lower(), sessions, plugin)
            for dispatchers in plugin.dispatcher_backends:
                self._dispatchers.add(dispatchers.scheme.lower(), dispatchers, plugin)
            for authenticator in plugin.authenticators:
                self._authenticators.add(authenticator.scheme.lower(), authenticator, plugin)
            for command in plugin.commands:
                self._commands.add(command.name, command, plugin)
        clashes = tuple(self._with_clashes(plugin) for plugin in found)
        self.plugins = self._extended(clashes, absent)

    @classmethod
    def discover(cls, settings: Settings | None = None) -> Registry:
        """Load every installed plugin, except those that ``settings`` keep out.

        Raises `PluginError` where a plugin asks while it is loaded itself.
        """
        check_not_loading()
        with _one_at_a_time:
            return cls(discover(settings or Settings.from_environment()))

    @classmethod
    def of(cls, *modules: str) -> Registry:
        """Only the plugins whose modules are named, installed or not, for tests and tools.

        Longtake's own stores are the module ``"longtake.builtin"``. Raises `PluginError` when one
        of them does not load, `NameClashError` when two of them provide the same name.
        """
        check_not_loading()
        registry = cls(load_module(module) for module in modules)
        for plugin in registry.plugins:
            if plugin.status != "loaded":
                raise PluginError(f"{plugin.name}: {plugin.error}")
            if plugin.error:
                raise NameClashError(plugin.error)
        return registry

    @classmethod
    def default(cls) -> Registry:
        """The registry of this process: installed plugins, discovered once; or the one in `use`.

        Raises `PluginError` where a plugin asks while it is loaded itself.
        """
        check_not_loading()
        in_use = list(_in_use.values())
        if in_use:
            return in_use[-1]
        with _one_at_a_time:
            return _default_registry()

    @contextmanager
    def use(self) -> Iterator[Registry]:
        """Make this the `default` registry of the process until the block is left, for tests."""
        use = object()  # of its own, for a registry may be in use twice
        _in_use[use] = self
        try:
            yield self
        finally:
            del _in_use[use]

    def __repr__(self) -> str:
        families = ", ".join(provided.value.name for provided in self.families) or "none"
        schemes = ", ".join(provided.value.scheme for provided in self.blob_backends) or "none"
        left = sum(plugin.status != "loaded" for plugin in self.plugins)
        rest = f"; {left} plugins not loaded" if left else ""
        return f"<Registry: families {families}; blob stores {schemes}{rest}>"

    def _with_clashes(self, plugin: Plugin) -> Plugin:
        named = (
            self._families,
            self._kinds,
            self._backends,
            self._session_backends,
            self._dispatchers,
            self._authenticators,
            self._commands,
            self._observers,
        )
        texts = [text for names in named for text in names.disputes(plugin)]
        return plugin.evolve(error="; ".join(texts)) if texts else plugin

    def _extended(self, plugins: tuple[Plugin, ...], absent: str) -> tuple[Plugin, ...]:
        """Join the extensions to their families; the plugins, with what came of it."""
        if not any(plugin.extensions for plugin in plugins):
            return plugins
        from longtake.plugins.extending import joined_families  # late: most have none

        owners = {p.value.name: (p.value, p.plugin) for p in self._families.undisputed()}
        joining = joined_families(
            plugins, owners, self._kinds.providers, clash_text=_clash_text, absent=absent
        )
        for name, family in joining.families.items():
            plugin = owners[name][1]
            self._families.providers[name] = [Provided(family, plugin)]
            for joined in family.extensions:
                for codec in joined.codecs:
                    self._kinds.add(codec.kind, family, plugin)
        return tuple(
            plugin.evolve(error="; ".join([*filter(None, [plugin.error]), *texts]))
            if (texts := joining.errors.get(place, ()))
            else plugin
            for place, plugin in enumerate(plugins)
        )

    @property
    def commands(self) -> list[Provided[Command]]:
        """The commands whose names are not in dispute, by name."""
        return self._commands.undisputed()

    def has_command(self, name: str) -> bool:
        """Whether plugins have a command called ``name``, be it in dispute."""
        return name in self._commands.providers

    def command(self, name: str) -> Provided[Command]:
        """The command called ``name``, and its plugin. Raises like `family`."""
        return self._commands.one(name)

    @property
    def families(self) -> list[Provided[ModelFamily]]:
        """The families whose names are not in dispute, by name."""
        return self._families.undisputed()

    @property
    def blob_backends(self) -> list[Provided[BlobBackend]]:
        """The blob backends whose schemes are not in dispute, by scheme."""
        return self._backends.undisputed()

    @property
    def session_backends(self) -> list[Provided[SessionBackend]]:
        """The backends of sessions whose schemes are not in dispute, by scheme."""
        return self._session_backends.undisputed()

    @property
    def dispatcher_backends(self) -> list[Provided[DispatcherBackend]]:
        """The backends of dispatchers whose schemes are not in dispute, by scheme."""
        return self._dispatchers.undisputed()

    @property
    def authenticators(self) -> list[Provided[AuthenticatorBackend]]:
        """The kinds of authenticators whose schemes are not in dispute, by scheme."""
        return self._authenticators.undisputed()

    @property
    def observers(self) -> list[Observer | Callable[..., None]]:
        """The observers of all loaded plugins whose names are not in dispute."""
        of_all = [observer for plugin in self.plugins for observer in plugin.observers]
        disputed = {name for name, found in self._observers.providers.items() if len(found) > 1}
        return [each for each in of_all if callable(each) or each.name not in disputed]

    def observer(self, name: str) -> Observer:
        """The declared observer called ``name``. Raises like `family`."""
        return self._observers.one(name).value

    def family(self, name: str) -> ModelFamily:
        """The family called ``name``. Raises `UnknownNameError` or `NameClashError`."""
        return self._families.one(name).value

    def versions_of(self, family: ModelFamily, preset: str | None = None) -> dict[str, str]:
        """The distributions that make its takes, with their versions; the SDK is one of them.

        ``preset``: names the one that is used, so that the extensions it comes from count.
        """
        found = [each.plugin for each in self.families if each.value is family]
        made_by = {plugin.distribution: plugin.version for plugin in found}
        used = family.extensions_of(family.preset(preset)) if family.extensions else ()
        added = {joined.distribution: joined.version for joined in used}
        return {"longtake": _own_version(), **made_by, **added}

    def family_for_kind(self, kind: str) -> ModelFamily:
        """The family that reads states of ``kind``. Raises like `family`."""
        return self.family(self._kinds.one(kind).value.name)

    def blob_backend(self, scheme: str) -> BlobBackend:
        """The backend of a URL scheme. Raises like `family`."""
        return self._backends.one(scheme).value

    def session_backend(self, scheme: str) -> SessionBackend:
        """The backend of sessions of a URL scheme. Raises like `family`."""
        return self._session_backends.one(scheme).value

    def dispatcher_backend(self, scheme: str) -> DispatcherBackend:
        """The backend of dispatchers of a URL scheme. Raises like `family`."""
        return self._dispatchers.one(scheme).value

    def authenticator(self, scheme: str) -> AuthenticatorBackend:
        """The kind of authenticators of a URL scheme. Raises like `family`."""
        return self._authenticators.one(scheme).value

    def recognise(self, path: Path) -> tuple[ModelFamily, Recognition]:
        """The one family that knows the checkpoint at ``path``.

        Raises `CheckpointError` when none or more than one does, or when one says that it is its
        own and damaged. A family that fails to look is passed over, and named when none knows it.
        """
        from longtake.files import check_name  # late: listings do without

        if problem := check_name(path):
            raise CheckpointError(str(path), problem)
        from longtake.plugins.published import check_not_on_hub  # late: no listing needs it

        check_not_on_hub(path, [provided.value for provided in self.families])
        if not path.exists():
            raise CheckpointError(str(path), "there is no such file or folder")
        asked = [provided for provided in self.families if provided.value.recognise is not None]
        answers = [(provided, _ask(provided, path)) for provided in asked]
        claims = [(p, a) for p, a in answers if a is not None and not isinstance(a, str)]
        if len(claims) == 1:
            return claims[0][0].value, claims[0][1]
        if claims:
            names = " and ".join(f"{p.value.name!r} of {p.plugin.provider}" for p, _ in claims)
            ways = " or ".join(
                f"family={p.value.name!r} (--family {p.value.name})" for p, _ in claims
            )
            raise CheckpointError(str(path), f"is claimed by {names}; name one with {ways}")
        names = ", ".join(p.value.name for p in asked) or "none"
        failures = "".join(f"; {answer}" for _, answer in answers if answer is not None)
        problem = f"no family recognises it as a checkpoint; asked: {names}{failures}"
        raise CheckpointError(str(path), problem)


def _ask(provided: Provided[ModelFamily], path: Path) -> Recognition | str | None:
    """What the family says of the checkpoint, or why it could not say anything."""
    from longtake.families.models import Recognition  # late, as for pathlib: no listing needs it

    try:
        recognise: Any = resolve(provided.value.recognise)
        answer = recognise(path)
        if answer is not None and not isinstance(answer, Recognition):
            raise TypeError(f"recognise returned a {type(answer).__name__}, not a Recognition")
    except CheckpointError:
        raise
    except Exception as error:  # isolation: one family's reader must not hide another's checkpoint
        import logging  # late, for a listing starts sooner without

        text = "%s could not look at %s"
        logging.getLogger(__name__).warning(text, provided.plugin.provider, path, exc_info=True)
        return (
            f"{provided.value.name} could not look at it ({type(error).__name__}: {text_of(error)})"
        )
    return answer


@functools.cache
def _own_version() -> str:
    from importlib import metadata  # late: no listing needs it

    return metadata.version("longtake")


_in_use: dict[object, Registry] = {}
_one_at_a_time = _thread.RLock()
"""Of discoveries: each replaces standard output for a while. `threading` has the same lock, and an
import that every listing would wait for."""


@functools.cache
def _default_registry() -> Registry:
    return Registry.discover()
