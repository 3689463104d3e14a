"""Which plugins are installed: entry points of the group ``longtake`` and their distributions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Final

from longtake.errors import PluginError
from longtake.plugins.metadata import Metadata, entry_points_in, find_metadata, normalized_name
from longtake.schema.frozen import Frozen

__all__ = ["ENTRY_POINT_GROUP", "Installed", "installed_plugins"]

ENTRY_POINT_GROUP = "longtake"

_UNKNOWN = "unknown"
_REFERENCE = re.compile(r"([\w.]+)\s*(?::\s*([\w.]+)\s*)?(?:\[.*\]\s*)?")
"""``module``, ``module:attribute``, each perhaps with extras (PyPA, entry points specification)."""


class Installed(Frozen):
    """One entry point.

    ``value``: what it names, ``"module"`` or ``"module:attribute"``. ``problem``: why its metadata
    cannot be used; such a plugin cannot be loaded.
    """

    __slots__ = ("name", "distribution", "version", "value", "problem")

    def __init__(
        self, name: str, distribution: str, version: str, value: str, problem: str | None = None
    ) -> None:
        self.name: Final = name
        self.distribution: Final = distribution
        self.version: Final = version
        self.value: Final = value
        self.problem: Final = problem

    def load(self) -> object:
        """Import what it names; until then none of its code runs. Raises `PluginError`."""
        if self.problem is not None:
            raise PluginError(self.problem)
        match = _REFERENCE.fullmatch(self.value)
        assert match is not None, "what is no reference is a problem"
        value: object = import_module(match[1])
        for name in filter(None, (match[2] or "").split(".")):
            value = getattr(value, name)
        return value


def installed_plugins() -> tuple[Installed, ...]:
    """Every entry point once, by distribution and name. Never raises.

    A distribution found twice on the path counts once: the first one found is the one that Python
    would import. One whose metadata is damaged is there with a ``problem``.
    """
    found: dict[tuple[str, str, str], Installed] = {}
    seen: set[str] = set()
    first: dict[str, Metadata] = {}
    with_plugins: list[tuple[Metadata, str]] = []
    for name, metadata in find_metadata():
        first.setdefault(name, metadata)
        if listed := _listed_plugins(metadata):
            with_plugins.append((metadata, listed))
    for metadata, listed in with_plugins:
        name, version, problem = _identity(metadata)
        if name != _UNKNOWN:
            if normalized_name(name) in seen or not _is_first(metadata, first, name):
                continue
            seen.add(normalized_name(name))
        for plugin in _plugins_in(listed, name, version, problem):
            found.setdefault((plugin.distribution, plugin.name, plugin.value), plugin)
    return tuple(plugin for _, plugin in sorted(found.items(), key=lambda item: item[0]))


def _listed_plugins(metadata: Metadata) -> str | None:
    """The list of entry points, if it has our group.

    Most have none: looking for the group's heading is what makes a listing quick.
    """
    try:
        listed = metadata.read_text("entry_points.txt")
    except Exception:  # isolation: it may not even be a plugin, so there is nobody to blame
        return None
    return listed if listed and f"[{ENTRY_POINT_GROUP}]" in listed else None


def _identity(metadata: Metadata) -> tuple[str, str, str | None]:
    """Name, version, and what is wrong when they are not known."""
    try:
        headers = _headers(metadata)
        if not headers.get("name") or not headers.get("version"):
            raise ValueError("it has no name or no version")
    except Exception as error:  # isolation: a damaged distribution costs only itself
        return _UNKNOWN, _UNKNOWN, f"{type(error).__name__}: {error}"
    return headers["name"], headers["version"], None


def _headers(metadata: Metadata) -> dict[str, str]:
    """Name and version alone: parsing the description, too, takes most of the time of a listing."""
    text = metadata.read_text("METADATA") or metadata.read_text("PKG-INFO")
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


def _is_first(metadata: Metadata, first: dict[str, Metadata], name: str) -> bool:
    """Whether no other distribution of this name, perhaps without plugins, is before on the path.

    One whose metadata names another than its folder does is not compared.
    """
    return first.get(normalized_name(name), metadata) is metadata


def _plugins_in(listed: str, name: str, version: str, problem: str | None) -> Iterator[Installed]:
    try:
        entry_points = list(entry_points_in(listed, ENTRY_POINT_GROUP))
    except ValueError as error:
        damage = f"its entry_points.txt cannot be read ({error}); install it again"
        yield Installed(_UNKNOWN, name, version, "", damage)
        return
    for entry_point, value in entry_points:
        wrong = _reference_damage(value) if problem is None else _metadata_damage(value, problem)
        yield Installed(entry_point, name, version, value, wrong)


def _metadata_damage(value: str, problem: str) -> str:
    return (
        f"the metadata of the distribution that provides {value!r} cannot be read "
        f"({problem}); install it again"
    )


def _reference_damage(value: str) -> str | None:
    if _REFERENCE.fullmatch(value) is None:
        return f"its entry point {value!r} is not of the form 'module:attribute'"
    return None
