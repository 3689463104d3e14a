"""Which plugins are installed: entry points of the group ``longtake`` and their distributions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions

from attrs import frozen

from longtake.errors import PluginError

__all__ = ["ENTRY_POINT_GROUP", "Installed", "installed_plugins", "normalized_name"]

ENTRY_POINT_GROUP = "longtake"

_UNKNOWN = "unknown"


@frozen
class Installed:
    """One entry point.

    ``value``: what it names, ``"module"`` or ``"module:attribute"``. ``problem``: why its metadata
    cannot be used; such a plugin cannot be loaded.
    """

    name: str
    distribution: str
    version: str
    value: str
    problem: str | None = None

    def load(self) -> object:
        """Import what it names; until then none of its code runs. Raises `PluginError`."""
        if self.problem is not None:
            raise PluginError(self.problem)
        return EntryPoint(self.name, self.value, ENTRY_POINT_GROUP).load()


def normalized_name(name: str) -> str:
    """Names of distributions are compared like this everywhere (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_plugins() -> tuple[Installed, ...]:
    """Every entry point once, by distribution and name. Never raises.

    A distribution found twice on the path counts once: the first one found is the one that Python
    would import. One whose metadata is damaged is there with a ``problem``.
    """
    found: dict[tuple[str, str, str], Installed] = {}
    seen: set[str] = set()
    for distribution, listed in _with_plugins():
        name, version, problem = _identity(distribution)
        if name != _UNKNOWN:
            if normalized_name(name) in seen or not _is_first(name, listed):
                continue
            seen.add(normalized_name(name))
        for plugin in _plugins_of(distribution, name, version, problem):
            found.setdefault((plugin.distribution, plugin.name, plugin.value), plugin)
    return tuple(plugin for _, plugin in sorted(found.items(), key=lambda item: item[0]))


def _with_plugins() -> Iterator[tuple[Distribution, str]]:
    """The distributions whose list of entry points has our group, and that list.

    Most have none: looking for the group's heading is what makes a listing quick.
    """
    for distribution in distributions():
        try:
            listed = distribution.read_text("entry_points.txt")
        except Exception:  # isolation: it may not even be a plugin, so there is nobody to blame
            continue
        if listed and f"[{ENTRY_POINT_GROUP}]" in listed:
            yield distribution, listed


def _identity(distribution: Distribution) -> tuple[str, str, str | None]:
    """Name, version, and what is wrong when they are not known."""
    try:
        headers = _headers(distribution)
        if not headers.get("name") or not headers.get("version"):
            raise ValueError("it has no name or no version")
    except Exception as error:  # isolation: a damaged distribution costs only itself
        return _UNKNOWN, _UNKNOWN, f"{type(error).__name__}: {error}"
    return headers["name"], headers["version"], None


def _headers(distribution: Distribution) -> dict[str, str]:
    """Name and version alone: parsing the description, too, takes most of the time of a listing."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO")
    if text is None:
        raise FileNotFoundError("it has no METADATA")
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.lower() in ("name", "version"):
            found[key.lower()] = value.strip()
        if not line or len(found) == 2:
            break
    return found


def _is_first(name: str, listed: str) -> bool:
    """Whether no other distribution of this name, without our group, comes before on the path."""
    try:
        first = next(iter(distributions(name=name)), None)
        return first is None or first.read_text("entry_points.txt") == listed
    except Exception:  # isolation: the other one is damaged, and not what was asked about
        return True


def _plugins_of(
    distribution: Distribution, name: str, version: str, problem: str | None
) -> Iterator[Installed]:
    try:
        entry_points = distribution.entry_points.select(group=ENTRY_POINT_GROUP)
    except Exception as error:  # isolation: one unreadable entry_points.txt hides no other
        damage = f"its entry_points.txt cannot be read ({error}); install it again"
        yield Installed(_UNKNOWN, name, version, "", damage)
        return
    for each in entry_points:
        wrong = _reference_damage(each) if problem is None else _metadata_damage(each, problem)
        yield Installed(each.name, name, version, each.value, wrong)


def _metadata_damage(entry_point: EntryPoint, problem: str) -> str:
    return (
        f"the metadata of the distribution that provides {entry_point.value!r} cannot be read "
        f"({problem}); install it again"
    )


def _reference_damage(entry_point: EntryPoint) -> str | None:
    try:
        bool(entry_point.module)
    except (AttributeError, ValueError):  # which one depends on the version of Python
        return f"its entry point {entry_point.value!r} is not of the form 'module:attribute'"
    return None
