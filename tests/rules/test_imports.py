"""Imports point one way inside the SDK, and plugins see its public names only."""

from __future__ import annotations

from graphlib import TopologicalSorter

import longtake as lt
from tests.rules.sources import Source, imports_of, plugin_sources, sdk_sources

LAYERS = """
    errors settings
    ratios references seeds bounds schemas texts validators values wire
    blobs continuation media
    attrs_codec inputs
    request
    results run run_events takes
    stages presets estimates
    families
    hookspecs api_version installed plugins registry builtin
    doctor scaffolding
    construction execution observers planning resolution streaming wiring
    pipeline segments
    loading sessions
    cli __main__
"""
"""From the bottom up; a line may import from itself, without a cycle, and from those above it."""

OUTSIDE = {"longtake", "longtake.templates", "longtake.testing"}
"""The facade, which names everything, and what stands outside and sees public names only."""

RANKS = {
    f"longtake.{name}": rank
    for rank, layer in enumerate(LAYERS.strip().splitlines())
    for name in layer.split()
}


def part_of(module: str) -> str:
    """``longtake.blobs.file`` is of the part ``longtake.blobs``."""
    return ".".join(module.split(".")[:2])


def sdk_imports(source: Source) -> list[tuple[str, str]]:
    """Where, and what: the SDK modules that ``source`` imports, also inside functions."""
    modules = {each.module for each in sdk_sources()}
    found = []
    for node, module, name in imports_of(source):
        if part_of(module).partition(".")[0] == "longtake":
            inner = f"{module}.{name}"
            found.append((source.at(node), inner if inner in modules else module))
    return found


def test_every_module_of_the_sdk_has_a_layer() -> None:
    parts = {part_of(source.module) for source in sdk_sources()} - OUTSIDE
    assert parts == RANKS.keys()


def test_imports_inside_the_sdk_point_downwards() -> None:
    wrong = [
        f"{where}: {source.module} imports {module}"
        for source in sdk_sources()
        if part_of(source.module) not in OUTSIDE
        for where, module in sdk_imports(source)
        if module != "longtake" and RANKS[part_of(module)] > RANKS[part_of(source.module)]
    ]
    assert wrong == []


def test_imports_inside_the_sdk_have_no_cycle() -> None:
    graph = {
        source.module: {module for _, module in sdk_imports(source)} - {source.module, "longtake"}
        for source in sdk_sources()
        if part_of(source.module) not in OUTSIDE
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_nothing_in_the_sdk_imports_the_facade_but_the_command_line() -> None:
    wrong = [
        where
        for source in sdk_sources()
        if part_of(source.module) not in {*OUTSIDE, "longtake.cli"}
        for where, module in sdk_imports(source)
        if module == "longtake"
    ]
    assert wrong == []


def test_plugins_import_public_names_only() -> None:
    public = {*lt.__all__, "testing"}  # type: ignore[attr-defined]  # only there at run time
    wrong = []
    for source in [*plugin_sources(), *contract_sources()]:
        for node, module, name in imports_of(source):
            is_inner = module.startswith("longtake.") and part_of(module) != "longtake.testing"
            if is_inner or (module == "longtake" and name is not None and name not in public):
                wrong.append(f"{source.at(node)}: {module} {name or ''}")
    assert wrong == []


def contract_sources() -> list[Source]:
    """What third parties subclass, and what they begin with: it sees what they see."""
    parts = {"longtake.templates", "longtake.testing"}
    return [source for source in sdk_sources() if part_of(source.module) in parts]


def test_plugins_never_import_each_other() -> None:
    owners = {source.module.partition(".")[0]: source.package for source in plugin_sources()}
    wrong = [
        f"{source.at(node)}: {module}"
        for source in plugin_sources()
        for node, module, _ in imports_of(source)
        if owners.get(module.partition(".")[0], source.package) != source.package
    ]
    assert wrong == []
