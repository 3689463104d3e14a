"""Who imports whom, as modules and as rooms: read from the sources, and held against the layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.rules.layers import Package
from tests.rules.sources import Source, all_sources, imports_of

__all__ = [
    "inner_imports",
    "is_outside",
    "is_within",
    "module_graph",
    "room_graph",
    "room_of",
    "sources_of",
]


def is_within(module: str, place: str) -> bool:
    return module == place or module.startswith(f"{place}.")


def is_outside(module: str, package: Package) -> bool:
    """The facade is the package's own module alone, anything else a whole folder."""
    places = package.outside.keys() - {package.name}
    return module == package.name or any(is_within(module, place) for place in places)


def sources_of(package: Package) -> list[Source]:
    return [source for source in all_sources() if is_within(source.module, package.name)]


def room_of(module: str) -> str:
    """``longtake.blobs.file.store`` is in the room ``blobs``."""
    return module.split(".")[1]


def inner_imports(source: Source, package: Package) -> Iterator[tuple[str, str]]:
    """Where, and what: the package's modules that ``source`` imports, also inside functions."""
    modules = {each.module for each in sources_of(package)}
    for node, module, name in imports_of(source):
        if is_within(module, package.name):
            inner = f"{module}.{name}"
            yield source.at(node), inner if inner in modules else module


def module_graph(package: Package) -> dict[str, set[str]]:
    """Each module that is in a room, with the modules of rooms that it imports."""
    return {
        source.module: {
            module
            for _, module in inner_imports(source, package)
            if not is_outside(module, package) and module != source.module
        }
        for source in sources_of(package)
        if not is_outside(source.module, package)
    }


def room_graph(modules: Mapping[str, set[str]]) -> dict[str, set[str]]:
    rooms: dict[str, set[str]] = defaultdict(set)
    for module, imported in modules.items():
        rooms[room_of(module)] |= {room_of(each) for each in imported} - {room_of(module)}
    return rooms
