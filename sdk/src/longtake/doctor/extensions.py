"""Whether a plugin's extensions join their families, and whether their recipes then fit together.

The families are those of the distributions that the plugin's own requires: nobody else's plugin is
run for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from longtake.doctor.extras import required_distributions
from longtake.doctor.recipes import check_added_presets
from longtake.doctor.targets import Target
from longtake.doctor.values import Problem
from longtake.plugins.installed import installed_plugins
from longtake.plugins.loading import Plugin, load_plugin
from longtake.plugins.metadata import normalized_name
from longtake.plugins.registry import Registry

__all__ = ["check_extensions"]


def check_extensions(
    plugin: Plugin,
    entering: Callable[[str], None],
    are_there: Callable[[Iterable[Target]], bool],
) -> Iterator[Problem]:
    """What is wrong with the extensions of ``plugin``.

    ``entering`` and ``are_there``: as of `check_family`.
    """
    entering("the families that it extends")
    registry = Registry([*_owners(plugin), plugin])
    for text in filter(None, [registry.plugins[-1].error]):
        yield Problem("wiring", text)
    for provided in registry.families:
        for joined in provided.value.extensions:
            yield from check_added_presets(provided.value, joined, entering, are_there)


def _owners(plugin: Plugin) -> list[Plugin]:
    needed = required_distributions(plugin.distribution)
    return [
        load_plugin(each.name, each.distribution, each.version, each.load)
        for each in installed_plugins()
        if normalized_name(each.distribution) in needed
    ]
