"""Finding plugins, loading each on its own, and remembering who brought what and what failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

import pluggy
from attrs import field, frozen

from longtake import hookspecs
from longtake.blobs.protocol import BlobBackend
from longtake.errors import PluginError
from longtake.families import ModelFamily
from longtake.settings import Settings

__all__ = ["API_VERSION", "ENTRY_POINT_GROUP", "Plugin", "discover", "load_plugin"]

ENTRY_POINT_GROUP = "longtake"
API_VERSION = (1, 0)
"""The SDK API that plugins may require with a module attribute ``LONGTAKE_API = ">=1,<2"``."""

Status = Literal["loaded", "failed", "blocked"]


@frozen
class Plugin:
    """One entry point of the group ``longtake``, and what became of it."""

    name: str
    distribution: str
    version: str
    status: Status
    error: str | None = None
    families: tuple[ModelFamily, ...] = field(default=(), repr=False)
    blob_backends: tuple[BlobBackend, ...] = field(default=(), repr=False)
    observers: tuple[Callable[..., None], ...] = field(default=(), repr=False)

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
            *(f"blob-store:{backend.scheme}" for backend in self.blob_backends),
            *(f"observer:{index}" for index in range(len(self.observers))),
        )


def discover(settings: Settings) -> tuple[Plugin, ...]:
    """Every installed plugin, loaded on its own; one that is broken costs only itself."""
    found = sorted(entry_points(group=ENTRY_POINT_GROUP), key=_identity)
    return tuple(_load_entry_point(entry_point, settings) for entry_point in found)


def _identity(entry_point: EntryPoint) -> tuple[str, str]:
    distribution = entry_point.dist
    return (distribution.name if distribution else "", entry_point.name)


def _load_entry_point(entry_point: EntryPoint, settings: Settings) -> Plugin:
    distribution = entry_point.dist
    name = distribution.name if distribution else "unknown"
    version = distribution.version if distribution else "0"
    if reason := _blocked(entry_point.name, name, settings):
        return Plugin(entry_point.name, name, version, "blocked", reason)
    return load_plugin(entry_point.name, name, version, entry_point.load)


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _blocked(entry: str, distribution: str, settings: Settings) -> str | None:
    own = {_normalized(distribution), f"{_normalized(distribution)}:{_normalized(entry)}"}
    if own & {_normalized(name) for name in settings.blocked}:
        return "blocked by LONGTAKE_BLOCK"
    if settings.allowed is not None and not own & {_normalized(n) for n in settings.allowed}:
        return "not named in LONGTAKE_PLUGINS"
    return None


def load_plugin(
    name: str, distribution: str, version: str, load: Callable[[], object]
) -> Plugin:
    """Import one plugin and call its hooks. Whatever it raises becomes its ``error``."""
    phase = "import"
    try:
        module = load()
        phase = "API version"
        _check_api(module)
        phase = "hooks"
        return Plugin(name, distribution, version, "loaded", None, *_call_hooks(name, module))
    except (Exception, SystemExit) as error:  # isolation: a broken plugin costs only itself
        return Plugin(name, distribution, version, "failed", f"{phase}: {_reason(error)}")


def _reason(error: BaseException) -> str:
    text = str(error).strip() or "no message"
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"


def _call_hooks(
    name: str, module: object
) -> tuple[tuple[ModelFamily, ...], tuple[BlobBackend, ...], tuple[Callable[..., None], ...]]:
    manager = pluggy.PluginManager("longtake")
    manager.add_hookspecs(hookspecs)
    manager.register(module, name=name)
    manager.check_pending()  # the only thing that catches a misspelt hook name
    hook = manager.hook
    return (
        tuple(_items("longtake_families", hook.longtake_families(), ModelFamily)),
        tuple(_items("longtake_blob_stores", hook.longtake_blob_stores(), BlobBackend)),
        tuple(_items("longtake_observers", hook.longtake_observers(), Callable)),
    )


def _items(hook: str, returned: Iterable[object], expected: Any) -> Iterable[Any]:
    for items in returned:
        if not isinstance(items, list | tuple):
            raise PluginError(f"{hook} must return a list, it returned a {type(items).__name__}")
        for item in items:
            if not isinstance(item, expected):
                what = "callable" if expected is Callable else expected.__name__
                raise PluginError(f"{hook} returned a {type(item).__name__} where a {what} belongs")
            yield item


_CLAUSE = re.compile(r"^(>=|<=|==|!=|>|<)(\d+(?:\.\d+)*)$")


def _check_api(module: object) -> None:
    required = vars(module).get("LONGTAKE_API")
    if required is not None and not _satisfies(API_VERSION, required):
        offered = ".".join(map(str, API_VERSION))
        raise PluginError(f"it needs the SDK API {required!r}, this Longtake offers {offered}")


def _satisfies(offered: tuple[int, ...], required: object) -> bool:
    clauses = [clause.strip() for clause in str(required).split(",")]
    parsed = [_CLAUSE.match(clause) for clause in clauses]
    if not isinstance(required, str) or not all(parsed):
        raise PluginError(f"LONGTAKE_API is {required!r}; it must be like '>=1,<2'")
    return all(_holds(offered, match[1], match[2]) for match in parsed if match)


def _holds(offered: tuple[int, ...], operator: str, text: str) -> bool:
    wanted = tuple(int(part) for part in text.split("."))
    width = max(len(offered), len(wanted))
    left = offered + (0,) * (width - len(offered))
    right = wanted + (0,) * (width - len(wanted))
    return {
        ">=": left >= right,
        "<=": left <= right,
        "==": left == right,
        "!=": left != right,
        ">": left > right,
        "<": left < right,
    }[operator]
