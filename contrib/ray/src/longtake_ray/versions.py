"""Which releases of which plugins a process has, and whether two of them fit each other."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import metadata

import longtake as lt

__all__ = ["check_versions", "loaded_versions"]


def loaded_versions(registry: lt.Registry | None = None) -> dict[str, str]:
    """The versions of Python, of Longtake and of the distributions whose plugins are loaded."""
    plugins = (registry or lt.Registry.default()).plugins
    return {
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "longtake": metadata.version("longtake"),
        **{each.distribution: each.version for each in plugins if each.status == "loaded"},
    }


def check_versions(here: Mapping[str, str], there: Mapping[str, str], maker: str | None) -> None:
    """Refuse a worker that would make other segments than the server says.

    ``maker``: the distribution of the family, where it is named; the worker must have it. Others
    count where both have them. Raises `longtake.PluginError`.
    """
    differ = [
        f"{name} is {version} here and {there[name]} there"
        for name, version in here.items()
        if there.get(name, version) != version
    ]
    if maker is not None and maker not in there:
        differ.append(f"{maker} is not there, or did not load")
    if differ:
        raise lt.PluginError(
            f"the worker has other packages than the server: {'; '.join(differ)}; install the "
            "same ones"
        )
