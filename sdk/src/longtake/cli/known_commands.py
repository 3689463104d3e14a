"""What plugins' commands are called, remembered, so that help need not import every plugin.

It is for showing alone: which command runs is asked of the plugins themselves. What is remembered
counts as long as nothing was installed or removed since (the folders of ``sys.path`` say when), the
files of the plugins' modules are the same, and the same plugins are kept out. Nothing depends on
whether it can be read or written.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from longtake import __version__
from longtake.settings import Settings

if TYPE_CHECKING:
    from longtake.plugins.registry import Registry

__all__ = ["known_commands"]

_MOST_BYTES = 2**20


def known_commands() -> dict[str, str]:
    """The one-line help of each command of a plugin, by its name."""
    settings = Settings.from_environment()
    kept_out = [sorted(settings.blocked), sorted(settings.allowed or ()), settings.allowed is None]

    def key() -> list[object]:
        folders = [[path, _stamp(path)] for path in sys.path]
        return [__version__, folders, kept_out]

    file = os.path.join(settings.own_cache, f"commands-{_name()}.json")
    remembered = _read(file)
    if remembered is not None and remembered["key"] == key() and _unchanged(remembered["files"]):
        commands: dict[str, str] = remembered["commands"]
        return commands
    from longtake.plugins.registry import Registry

    registry = Registry.default()
    commands = {each.value.name: each.value.help for each in registry.commands}
    _write(file, {"key": key(), "files": _files(registry), "commands": commands})
    return commands


def _name() -> str:
    """Of this Python's packages, so that environments do not forget each other's."""
    from hashlib import sha256

    return sha256(sys.prefix.encode(errors="surrogateescape")).hexdigest()[:16]


def _files(registry: Registry) -> dict[str, list[int] | None]:
    """When the files of the plugins' modules were last written, and their sizes."""
    names = [plugin.module for plugin in registry.plugins]
    modules = [sys.modules[name] for name in names if name in sys.modules]
    origins = [module.__spec__.origin for module in modules if module.__spec__ is not None]
    return {origin: _stamp(origin) for origin in origins if origin}


def _stamp(file: str) -> list[int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size]


def _unchanged(files: dict[str, list[int] | None]) -> bool:
    return all(_stamp(file) == stamp for file, stamp in files.items())


def _read(file: str) -> dict[str, Any] | None:
    """What is remembered, if it has the form that it is written in."""
    try:
        with open(file, "rb") as stream:
            found = json.loads(stream.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    shape = {"key": list, "files": dict, "commands": dict}
    if not isinstance(found, dict) or any(
        not isinstance(found.get(name), kind) for name, kind in shape.items()
    ):
        return None
    texts = all(isinstance(each, str) and each.isprintable() for each in found["commands"].values())
    return found if texts else None


def _write(file: str, document: dict[str, object]) -> None:
    from longtake.durable import replace_file

    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        replace_file(file, json.dumps(document).encode())
    except (OSError, ValueError):
        return  # a home that cannot be written to; help then asks the plugins each time
