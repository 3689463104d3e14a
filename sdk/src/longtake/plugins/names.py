"""Names that plugins provide: each of one plugin alone, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from attrs import frozen

from longtake.errors import NameClashError, UnknownNameError, shown
from longtake.plugins.loading import Plugin

__all__ = ["Names", "Provided", "clash_text"]

T = TypeVar("T")


@frozen
class Provided(Generic[T]):
    """Something that a plugin provides, and the plugin."""

    value: T
    plugin: Plugin


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
            clash_text(self.what, name, [p.plugin for p in found])
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
            raise NameClashError(clash_text(self.what, name, [p.plugin for p in found]))
        return found[0]


def clash_text(what: str, name: str, plugins: Sequence[Plugin]) -> str:
    """What to say of a name that several plugins provide, and how one is kept out."""
    sides = " and ".join(dict.fromkeys(plugin.provider for plugin in plugins))
    distributions = [plugin.distribution for plugin in plugins]
    if len(set(distributions)) < len(plugins):  # the distribution alone would block both sides
        distributions = [f"{plugin.distribution}:{plugin.name}" for plugin in plugins]
    blocks = " or ".join(dict.fromkeys(f"LONGTAKE_BLOCK={each}" for each in distributions))
    return f"the {what} {name!r} is provided by {sides}; block one side with {blocks}"
