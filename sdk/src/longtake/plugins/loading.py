"""Loading plugins, each on its own, and remembering who brought what and what failed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from inspect import isroutine
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal

import pluggy

from longtake import hookspecs
from longtake.blobs.protocol import BlobBackend
from longtake.errors import PluginError, text_of
from longtake.families.family import ModelFamily
from longtake.plugins.api_version import check_api_version
from longtake.plugins.installed import Installed, installed_plugins
from longtake.plugins.metadata import normalized_name
from longtake.schema.frozen import Frozen
from longtake.schema.references import resolve
from longtake.settings import Settings

if TYPE_CHECKING:
    from longtake.commands import Command
    from longtake.dispatchers import DispatcherBackend
    from longtake.families.extensions import Extension
    from longtake.requests.authenticators import AuthenticatorBackend
    from longtake.session_stores.backend import SessionBackend

__all__ = [
    "UNINSTALLED",
    "Phase",
    "Plugin",
    "blocked",
    "check_not_loading",
    "discover",
    "load_module",
    "load_plugin",
    "reason",
]

UNINSTALLED = "(module)"
"""The distribution of a plugin that is named by its module; it has no version of its own."""

Status = Literal["loaded", "failed", "blocked"]

Phase = Literal["metadata", "import", "API version", "hooks"]
"""What loading a plugin consists of, in this order."""


_BROUGHT = (
    *("families", "blob_backends", "observers", "extensions", "commands"),
    *("session_backends", "authenticators", "dispatcher_backends", "module"),
)
"""What a plugin's `repr` is not to be flooded with."""


class Plugin(Frozen, unshown=_BROUGHT):
    """One entry point of the group ``longtake``, and what became of it.

    - ``error``: why it failed or is blocked; of a loaded one, which of its names are in dispute.
    - ``phase``: where a failed one failed.
    - ``api``: the versions of the SDK API that it asks for.
    - ``module``: the name of its module, as its entry point says it.
    - ``observers``: declared ones and bare callables.
    """

    __slots__ = (
        *("name", "distribution", "version", "status", "error"),
        *("families", "blob_backends", "observers", "extensions", "commands"),
        *("session_backends", "authenticators", "dispatcher_backends", "phase", "api", "module"),
    )

    def __init__(
        self,
        name: str,
        distribution: str,
        version: str,
        status: Status,
        error: str | None = None,
        families: tuple[ModelFamily, ...] = (),
        blob_backends: tuple[BlobBackend, ...] = (),
        observers: tuple[Any, ...] = (),
        *,
        extensions: tuple[Extension, ...] = (),
        commands: tuple[Command, ...] = (),
        session_backends: tuple[SessionBackend, ...] = (),
        authenticators: tuple[AuthenticatorBackend, ...] = (),
        dispatcher_backends: tuple[DispatcherBackend, ...] = (),
        phase: Phase | None = None,
        api: str | None = None,
        module: str = "",
    ) -> None:
        self.name: Final = name
        self.distribution: Final = distribution
        self.version: Final = version
        self.status: Final = status
        self.error: Final = error
        self.families: Final = families
        self.blob_backends: Final = blob_backends
        self.observers: Final = observers
        self.extensions: Final = extensions
        self.commands: Final = commands
        self.session_backends: Final = session_backends
        self.authenticators: Final = authenticators
        self.dispatcher_backends: Final = dispatcher_backends
        self.phase: Final = phase
        self.api: Final = api
        self.module: Final = module

    @property
    def provider(self) -> str:
        """``"distribution version (entry point)"``, for messages."""
        return f"{self.distribution} {self.version} ({self.name})"

    @property
    def provides(self) -> tuple[str, ...]:
        """What the plugin brought, e.g. ``"family:ltx2"``."""
        return (
            *(f"family:{family.name}" for family in self.families),
            *(f"preset:{p.name}" for family in self.families for p in family.presets),
            *(f"extension:{extension.family}" for extension in self.extensions),
            *(f"preset:{p.name}" for extension in self.extensions for p in extension.presets),
            *(f"command:{command.name}" for command in self.commands),
            *(f"blob-store:{backend.scheme}" for backend in self.blob_backends),
            *(f"session-store:{backend.scheme}" for backend in self.session_backends),
            *(f"authenticator:{backend.scheme}" for backend in self.authenticators),
            *(f"dispatcher:{backend.scheme}" for backend in self.dispatcher_backends),
            *(f"observer:{_observer_name(each)}" for each in self.observers),
        )


def discover(settings: Settings) -> tuple[Plugin, ...]:
    """Every installed plugin, loaded on its own; one that is broken costs only itself.

    What a plugin prints meanwhile goes to standard error: standard output is the program's.
    """
    hooks = _Hooks.specified()
    with redirect_stdout(sys.stderr):
        found = installed_plugins()
        return tuple(_load_unless_kept_out(each, settings, hooks) for each in found)


def _load_unless_kept_out(found: Installed, settings: Settings, hooks: _Hooks) -> Plugin:
    whose = found.name, found.distribution, found.version
    if why := blocked(found, settings):
        return Plugin(*whose, "blocked", why)
    if found.problem is not None:
        return Plugin(*whose, "failed", found.problem, phase="metadata")
    module = found.value.partition(":")[0].strip()
    return load_plugin(*whose, found.load, module=module, hooks=hooks)


def blocked(found: Installed, settings: Settings) -> str | None:
    """Why ``settings`` keep the plugin out, if they do."""
    distribution = normalized_name(found.distribution)
    own = {distribution, f"{distribution}:{normalized_name(found.name)}"}
    if own & {normalized_name(name) for name in settings.blocked}:
        return "blocked by LONGTAKE_BLOCK"
    if settings.allowed is not None and not own & {normalized_name(n) for n in settings.allowed}:
        return "not named in LONGTAKE_PLUGINS"
    return None


def load_module(module: str) -> Plugin:
    """The plugin that the module called ``module`` would be if it were installed."""
    return load_plugin(module, UNINSTALLED, "0", partial(import_module, module))


def load_plugin(
    name: str,
    distribution: str,
    version: str,
    load: Callable[[], object],
    *,
    module: str = "",
    entering: Callable[[Phase], None] = lambda phase: None,
    hooks: _Hooks | None = None,
) -> Plugin:
    """Import one plugin and call its hooks. Whatever it raises becomes its ``error``.

    ``module``: the name of its module, where that is known before. ``entering`` is told each phase
    as it begins. ``hooks``: to use again what reading the specifications took, by one thread at a
    time.
    """
    api: str | None = None
    phase: Phase = "import"
    check_not_loading()
    outside = _loading.set(name)
    try:
        entering(phase)
        loaded: Any = load()
        entering(phase := "API version")
        if hasattr(loaded, "LONGTAKE_API"):
            api = str(loaded.LONGTAKE_API)
            check_api_version(loaded.LONGTAKE_API)
        entering(phase := "hooks")
        provided = _call_hooks(name, loaded, hooks or _Hooks.specified())
    except KeyboardInterrupt:  # the user's, not the plugin's
        raise
    except BaseException as error:  # isolation: SystemExit too costs only the plugin
        why = reason(error)
        return Plugin(
            name, distribution, version, "failed", why, phase=phase, api=api, module=module
        )
    finally:
        _loading.reset(outside)
    return Plugin(
        name,
        distribution,
        version,
        "loaded",
        families=provided["families"],
        blob_backends=provided["blob_backends"],
        observers=provided["observers"],
        extensions=provided["extensions"],
        commands=provided["commands"],
        session_backends=provided["session_backends"],
        authenticators=provided["authenticators"],
        dispatcher_backends=provided["dispatcher_backends"],
        api=api,
        module=module,
    )


def check_not_loading() -> None:
    """Raise `PluginError` in a thread that is loading a plugin, where no registry is there yet."""
    if (name := _loading.get()) is not None:
        raise PluginError(
            f"the plugin {name!r} asks for the registry while it is itself loaded; a module and "
            "its hooks only declare: ask when something is used, in a stage, an opener, a command"
        )


_loading: ContextVar[str | None] = ContextVar("_loading", default=None)
"""Which plugin this thread is loading."""


def reason(error: BaseException) -> str:
    """One line: the text alone where Longtake wrote it, else after the error's type."""
    text = " ".join(text_of(error).split())
    own = isinstance(error, PluginError)
    return text if own and text else f"{type(error).__name__}: {text or 'no message'}"


class _Hooks(pluggy.PluginManager):
    """Looks only at names that may be hooks; pluggy would look at every attribute of a module."""

    @classmethod
    def specified(cls) -> _Hooks:
        """With all hooks, and no plugin."""
        manager = cls("longtake")
        manager.add_hookspecs(hookspecs)
        return manager

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> Any:
        is_hook = name.startswith("longtake_")
        return super().parse_hookspec_opts(module_or_class, name) if is_hook else None

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        is_module = type(plugin) is ModuleType  # whose attributes need no care to be looked at
        if name.startswith("__") or (is_module and not isroutine(vars(plugin).get(name))):
            return None
        return super().parse_hookimpl_opts(plugin, name)


def _call_hooks(name: str, module: object, manager: _Hooks) -> dict[str, tuple[Any, ...]]:
    """What the plugin returns, by the fields of `Plugin`.

    It is registered alone in ``manager`` meanwhile, and so to be blamed.
    """
    try:
        manager.register(module, name=name)
        _check_hooks_are_known(manager, module)
        found = {
            provided: tuple(_items(getattr(manager.hook, hook), module, expected))
            for provided, (hook, expected) in _PROVIDED.items()
        }
    finally:  # also after half a registration
        if manager.has_plugin(name):
            manager.unregister(name=name)
    _check_names("family", [family.name for family in found["families"]])
    _check_names("blob store scheme", [backend.scheme for backend in found["blob_backends"]])
    schemes = [backend.scheme for backend in found["session_backends"]]
    _check_names("session store scheme", schemes)
    schemes = [backend.scheme for backend in found["authenticators"]]
    _check_names("authenticator scheme", schemes)
    _check_names("dispatcher scheme", [each.scheme for each in found["dispatcher_backends"]])
    _check_names("command", [command.name for command in found["commands"]])
    observers = [each.name for each in found["observers"] if not callable(each)]
    _check_names("observer", observers)
    for family in found["families"]:
        _check_names("continuation kind", [codec.kind for codec in family.codecs])
    return found


_PROVIDED = {
    "families": ("longtake_families", "longtake.families.family:ModelFamily"),
    "blob_backends": ("longtake_blob_stores", "longtake.blobs.protocol:BlobBackend"),
    "session_backends": (
        "longtake_session_stores",
        "longtake.session_stores.backend:SessionBackend",
    ),
    "authenticators": (
        "longtake_authenticators",
        "longtake.requests.authenticators:AuthenticatorBackend",
    ),
    "dispatcher_backends": ("longtake_dispatchers", "longtake.dispatchers:DispatcherBackend"),
    "observers": ("longtake_observers", "collections.abc:Callable"),
    "extensions": ("longtake_extensions", "longtake.families.extensions:Extension"),
    "commands": ("longtake_commands", "longtake.commands:Command"),
}
"""By the field of `Plugin`, the hook, and of what its items are; imported when there are some."""


def _check_hooks_are_known(manager: pluggy.PluginManager, module: object) -> None:
    """The only thing that catches a misspelt hook name."""
    for hook in manager.get_hookcallers(module) or ():
        if not hook.has_spec():
            known = ", ".join(name for name in vars(hookspecs) if name.startswith("longtake_"))
            raise PluginError(f"unknown hook {hook.name!r}; hooks: {known}")


def _items(hook: pluggy.HookCaller, module: object, expected: str) -> Iterator[Any]:
    implementations = hook.get_hookimpls()
    if not implementations and hasattr(module, hook.name):
        raise PluginError(f"{hook.name} is not a hook yet: decorate it with @longtake.hookimpl")
    for implementation in implementations:
        items = implementation.function()
        if not isinstance(items, list | tuple):
            raise PluginError(f"{hook.name} must return a list, it returned {_kind_of(items)}")
        wanted: Any = resolve(expected) if items else object
        for item in items:
            if not isinstance(item, wanted) and not (wanted is Callable and _is_record(item)):
                what = "callable" if wanted is Callable else wanted.__name__
                raise PluginError(f"{hook.name} returned {_kind_of(item)} where a {what} belongs")
            yield item


def _is_record(item: object) -> bool:
    from longtake.runs.declared import Observer  # late: a listing without one does without

    return isinstance(item, Observer)


def _observer_name(observer: Any) -> str:
    """Of a declared observer its own, of a function its, of another callable its class's."""
    if not callable(observer):
        return str(observer.name)
    named = observer if hasattr(observer, "__name__") else type(observer)
    return str(named.__name__)


def _kind_of(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _check_names(what: str, names: Iterable[object]) -> None:
    seen = set()
    for name in names:
        if not isinstance(name, str) or not name:
            raise PluginError(f"a {what} must have a name, not {name!r}")
        if name in seen:
            raise PluginError(f"the {what} {name!r} is there twice")
        seen.add(name)
