"""Which plugins are installed: entry points of the group ``longtake`` and their distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points

from attrs import frozen

from longtake.errors import PluginError

__all__ = ["ENTRY_POINT_GROUP", "Installed", "installed_plugins"]

ENTRY_POINT_GROUP = "longtake"


@frozen
class Installed:
    """One entry point. ``load`` imports what it names; until then none of its code runs."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object]


def installed_plugins() -> tuple[Installed, ...]:
    """Every entry point once, by distribution and name. Never raises.

    A distribution found twice on the path counts once: the first one found is the one that Python
    would import. One whose metadata is damaged is there with a ``load`` that says so.
    """
    found: dict[tuple[str, str, str], Installed] = {}
    for entry_point in _entry_points():
        plugin = _described(entry_point)
        found.setdefault((plugin.distribution, plugin.name, entry_point.value), plugin)
    return tuple(plugin for _, plugin in sorted(found.items(), key=lambda item: item[0]))


def _entry_points() -> Iterable[EntryPoint]:
    try:
        return entry_points(group=ENTRY_POINT_GROUP)
    except Exception:  # isolation: one unreadable entry_points.txt must not hide the others
        return [entry for each in distributions() for entry in _readable_entry_points(each)]


def _readable_entry_points(distribution: Distribution) -> Iterable[EntryPoint]:
    try:
        return distribution.entry_points.select(group=ENTRY_POINT_GROUP)
    except Exception:  # isolation: it may not even be a plugin, so there is nobody to blame
        return ()


def _described(entry_point: EntryPoint) -> Installed:
    try:
        assert entry_point.dist is not None  # importlib.metadata sets it on all that it finds
        metadata = entry_point.dist.metadata  # parsed anew at each access
        name, version = metadata["Name"], metadata["Version"]
        if not name or not version:
            raise ValueError("it has no name or no version")
    except Exception as error:  # isolation: a damaged distribution costs only itself
        return Installed(entry_point.name, "unknown", "unknown", _refusal(entry_point, error))
    return Installed(entry_point.name, name, version, entry_point.load)


def _refusal(entry_point: EntryPoint, error: Exception) -> Callable[[], object]:
    def load() -> object:
        raise PluginError(
            f"the metadata of the distribution that provides {entry_point.value!r} cannot be "
            f"read ({type(error).__name__}: {error}); install it again"
        )

    return load
